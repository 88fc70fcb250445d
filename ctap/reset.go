package ctap

import "context"

// Reset erases every credential and the PIN (command 07). Most keys take it only
// within 10 seconds of being plugged in (NOT_ALLOWED), and want a touch. keepAlive
// may be nil.
//
// Errors: a [*StatusError], or the device's own.
func Reset(ctx context.Context, dev Device, keepAlive func(KeepAlive)) error {
	_, err := call(ctx, dev, CommandReset, nil, keepAlive)
	return err
}

// Selection waits for a touch and does nothing else (command 0B, CTAP 2.1), so that
// a person with several keys can show which one is meant. keepAlive may be nil.
//
// Errors: a [*StatusError], or the device's own.
func Selection(ctx context.Context, dev Device, keepAlive func(KeepAlive)) error {
	_, err := call(ctx, dev, CommandSelection, nil, keepAlive)
	return err
}
