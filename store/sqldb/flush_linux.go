package sqldb

import (
	"errors"
	"os"
	"syscall"
)

// flushFile makes what was written to a file durable, and of what the file system
// keeps about it only what is needed to read it.
func flushFile(file *os.File) error {
	for {
		if err := syscall.Fdatasync(int(file.Fd())); !errors.Is(err, syscall.EINTR) {
			return err
		}
	}
}
