"""What `manage.py up` provides on a machine where nothing is installed.

`redis_server.own_redis` runs a Redis, `supervisor.Processes` starts and stops the processes, and
`demo_users.demo_people` creates users for the simulator.
"""
