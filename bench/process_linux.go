package bench

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// tick is the unit of the times in /proc: USER_HZ is 100 on every architecture
// that Go runs on.
const tick = 10 * time.Millisecond

// childAttributes let a child end with us, and leave Ctrl-C to us.
func childAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}

// ownGroup leaves Ctrl-C to us, of a program that is run to its end.
func ownGroup() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

// processTimes returns a process's own CPU time, that of its children who have
// ended, and its parent.
func processTimes(pid int) (own, ended time.Duration, parent int, err error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, 0, 0, err
	}
	// The name, in parentheses, may hold anything.
	fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
	if len(fields) < 15 {
		return 0, 0, 0, fmt.Errorf("read /proc/%d/stat: %q", pid, text)
	}
	var numbers [5]int
	for n, at := range []int{1, 11, 12, 13, 14} { // ppid, utime, stime, cutime, cstime
		if numbers[n], err = strconv.Atoi(fields[at]); err != nil {
			return 0, 0, 0, err
		}
	}
	return time.Duration(numbers[1]+numbers[2]) * tick, time.Duration(numbers[3]+numbers[4]) * tick, numbers[0], nil
}

// treeTime is the CPU time of a process and its children, with those that have
// ended.
func treeTime(pid int) (time.Duration, error) {
	own, ended, _, err := processTimes(pid)
	if err != nil {
		return 0, err
	}
	folders, err := os.ReadDir("/proc")
	if err != nil {
		return 0, err
	}
	sum := own + ended
	for _, folder := range folders {
		child, err := strconv.Atoi(folder.Name())
		if err != nil {
			continue
		}
		// One that has just ended is in its parent's sum at the next look.
		if own, _, parent, err := processTimes(child); err == nil && parent == pid {
			sum += own
		}
	}
	return sum, nil
}

// ownTime is this process's CPU time.
func ownTime() time.Duration {
	var usage syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &usage) != nil {
		return 0
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// peakMemory is the most resident memory that a process has had, in bytes.
func peakMemory(pid int) (int64, error) {
	file, err := os.Open(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	defer func() { _ = file.Close() }()
	for lines := bufio.NewScanner(file); lines.Scan(); {
		if text, ok := strings.CutPrefix(lines.Text(), "VmHWM:"); ok {
			kilobytes, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(text), " kB"), 10, 64)
			return kilobytes << 10, err
		}
	}
	return 0, fmt.Errorf("read /proc/%d/status: no VmHWM", pid)
}
