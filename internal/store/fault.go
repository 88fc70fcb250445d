package store

import (
	"context"
	"errors"
	"fmt"

	"bestow.dev/internal/fault"
)

// The faults that any method of a store may return beside those its interface
// names. Every one of them means that nothing was changed, except
// [ErrOutcomeUnknown].
var (
	// ErrFull says that the disk, or a quota on it, is full.
	ErrFull = fault.New(fault.Unavailable, "store.full", "There is no room left to store this. Nothing was changed.")

	// ErrBusy says that another process has held the database for too long.
	ErrBusy = fault.New(fault.Unavailable, "store.busy", "The database is busy. Nothing was changed; try again.")

	// ErrUnavailable says that the database cannot be reached or does not work, or
	// that the caller's context ended before the work began.
	ErrUnavailable = fault.New(fault.Unavailable, "store.unavailable", "The database does not answer. Nothing was changed; try again.")

	// ErrClosed says that the database was closed.
	ErrClosed = fault.New(fault.Unavailable, "store.closed", "The server is stopping. Nothing was changed; try again.")

	// ErrOutcomeUnknown says that the connection was lost, or nobody waited any more, while
	// PostgreSQL was committing, or bringing to disk what it had committed.
	ErrOutcomeUnknown = fault.New(fault.Unavailable, "store.outcome_unknown",
		"The database did not say whether this was stored. Look before trying again.")
)

// known reports whether err needs no translation: it is nil or a fault.
func known(err error) bool {
	if err == nil {
		return true
	}
	_, ok := errors.AsType[*fault.Error](err)
	return ok
}

// spoilt returns the error of a row that the domain does not take back: somebody
// changed it by hand. It is a fault of ours, whatever the domain would call such a thing
// in a caller's request, so that err is told and not wrapped.
func spoilt(err error, format string, args ...any) error {
	return fmt.Errorf("%s cannot be read back: %v", fmt.Sprintf(format, args...), err)
}

func isContext(err error) bool {
	return errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}
