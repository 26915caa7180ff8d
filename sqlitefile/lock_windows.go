package sqlitefile

import (
	"errors"
	"os"

	"golang.org/x/sys/windows"
)

// lockedByte is the one byte that stands for the whole file. Windows refuses
// reads and writes of locked bytes, so it lies behind whatever SQLite reads,
// writes or locks.
var lockedByte = windows.Overlapped{OffsetHigh: 0x7fffffff}

// lockFile takes the lock of an open file for this process, or fails with
// errLocked. Closing the file gives the lock back.
func lockFile(file *os.File) error {
	return lockByte(file, windows.LOCKFILE_EXCLUSIVE_LOCK)
}

func lockByte(file *os.File, flags uint32) error {
	at := lockedByte
	err := windows.LockFileEx(windows.Handle(file.Fd()), flags|windows.LOCKFILE_FAIL_IMMEDIATELY, 0, 1, 0, &at)
	if errors.Is(err, windows.ERROR_LOCK_VIOLATION) {
		return errLocked
	}
	return err
}

// ownedElsewhere reports whether another process owns the file.
func ownedElsewhere(file *os.File) bool {
	err := lockByte(file, 0)
	if err == nil {
		at := lockedByte
		_ = windows.UnlockFileEx(windows.Handle(file.Fd()), 0, 1, 0, &at)
	}
	return errors.Is(err, errLocked)
}

// idOf finds out which file a name stands for; os.ErrNotExist. It opens the file
// for its attributes alone.
func idOf(path string) (fileID, error) {
	name, err := windows.UTF16PtrFromString(path)
	if err != nil {
		return fileID{}, err
	}
	const everybody = windows.FILE_SHARE_READ | windows.FILE_SHARE_WRITE | windows.FILE_SHARE_DELETE
	handle, err := windows.CreateFile(name, 0, everybody, nil, windows.OPEN_EXISTING, windows.FILE_FLAG_BACKUP_SEMANTICS, 0)
	if err != nil {
		return fileID{}, err // errors.Is(err, os.ErrNotExist) holds for such numbers
	}
	defer func() { _ = windows.CloseHandle(handle) }()
	var info windows.ByHandleFileInformation
	if err := windows.GetFileInformationByHandle(handle, &info); err != nil {
		return fileID{}, err
	}
	return fileID{uint64(info.VolumeSerialNumber), uint64(info.FileIndexHigh)<<32 | uint64(info.FileIndexLow)}, nil
}

// namesOf counts the names (hard links) of an open file.
func namesOf(file *os.File) (int, error) {
	var info windows.ByHandleFileInformation
	if err := windows.GetFileInformationByHandle(windows.Handle(file.Fd()), &info); err != nil {
		return 0, err
	}
	return int(info.NumberOfLinks), nil
}
