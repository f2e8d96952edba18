# util-linux's tools on System V segments; what differs from run to run is replaced.
same() { sed -E 's/0x[0-9a-f]{8}/KEY/; s/cpid=[0-9]+/cpid=N/; s/[A-Z][a-z]{2} .*[0-9]{2}:[0-9]{2}:[0-9]{2}.*/TIME/'; }
ipcmk -M 4096 -p 0640
ipcmk -M 1000000
ipcs -m | same
ipcs -m -i 0 | same
ipcs -m -t | same
ipcs -m -c | same
ipcs -m -u
ipcs -m -l
ipcs -m -p | awk '{ print NF }'
ipcs -m -i 77 2>&1 | same
ipcrm -m 0
ipcrm -M "$(ipcs -m | awk '/^0x/ { print $1 }')"
ipcrm -m 0 2>&1
ipcs -m
ipcmk -M 0 2>&1
echo "end $?"
