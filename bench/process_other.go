//go:build !linux

package bench

import (
	"errors"
	"syscall"
	"time"
)

// errProcess is what /proc is asked for where there is none.
var errProcess = errors.New("processes are measured on Linux alone")

func childAttributes() *syscall.SysProcAttr { return nil }

func treeTime(int) (time.Duration, error) { return 0, errProcess }

func peakMemory(int) (int64, error) { return 0, errProcess }

func ownTime() time.Duration { return 0 }

func ownGroup() *syscall.SysProcAttr { return nil }
