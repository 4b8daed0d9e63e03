#!/bin/bash
# In a chroot no systemd runs: its own systemctl then enables units and ignores the rest. This starts
# and stops console.service beside it, with the user, the folder and the command of the unit.
unit=/etc/systemd/system/console.service
value() { sed -n "s/^$1=//p" "$unit"; }

start() {
  cd "$(value WorkingDirectory)" || exit 1
  umask "$(value UMask)"
  env $(value Environment) setsid setpriv --reuid="$(value User)" --regid="$(value Group)" \
    --init-groups $(value ExecStart) >>/root/service.log 2>&1 </dev/null &
  for _ in $(seq 300); do
    grep -qs "Press Ctrl-C to stop" /root/service.log && return
    sleep 0.2
  done
  cat /root/service.log
  exit 1
}

stop() {
  console down
  mv /root/service.log /root/service.log.1
}

case "$1" in enable) /usr/bin/systemctl "$1" ${@:3} ;; esac
case "$*" in
  *--now*console.service* | "start console.service") start ;;
  "stop console.service") stop ;;
  "restart console.service") stop && start ;;
esac
