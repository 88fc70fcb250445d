package cli

import (
	"errors"
	"os"

	"golang.org/x/sys/windows"
)

// fileLock keeps other processes away from a file. The lock is on a file beside it,
// because the file itself is replaced; the system drops it when the process ends.
type fileLock struct{ file *os.File }

// lockFile takes the lock, or returns errInUse at once.
func lockFile(path string) (*fileLock, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	const flags = windows.LOCKFILE_EXCLUSIVE_LOCK | windows.LOCKFILE_FAIL_IMMEDIATELY
	err = windows.LockFileEx(windows.Handle(f.Fd()), flags, 0, 1, 0, &windows.Overlapped{})
	if err == nil {
		return &fileLock{f}, nil
	}
	_ = f.Close()
	if errors.Is(err, windows.ERROR_LOCK_VIOLATION) {
		return nil, errInUse
	}
	return nil, err
}

func (l *fileLock) release() error { return l.file.Close() }
