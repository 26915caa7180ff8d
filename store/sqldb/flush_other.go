//go:build !linux

package sqldb

import "os"

// flushFile makes what was written to a file durable.
func flushFile(file *os.File) error { return file.Sync() }
