package cli

import (
	"bytes"
	"context"
	"os"

	"bestow.dev/internal/agent"
)

// matchFlags lets a program that sees the form tell what code it shows, so that nobody
// has to sit at the desk and the codes are compared all the same.
type matchFlags struct {
	MatchFD int `name:"match-fd" help:"Compare the code with the line that this inherited file descriptor brings: the code that the form shows." default:"-1" placeholder:"N"`
}

// open returns where the form's code will come from; nil for nowhere.
func (f matchFlags) open(o *openCmd) (*os.File, error) {
	switch {
	case f.MatchFD < 0:
		return nil, nil
	case o.ConfirmMatch:
		return nil, usage("--match-fd and --confirm-match: the codes are compared, or they are not")
	case f.MatchFD < 3 || f.MatchFD == o.SecretsFD:
		return nil, usage("--match-fd: %d is taken", f.MatchFD)
	}
	file := os.NewFile(uintptr(f.MatchFD), "match")
	if file == nil {
		return nil, usage("--match-fd: %d is not an open file descriptor", f.MatchFD)
	}
	return file, nil
}

// compare waits until it is told what the form shows. Errors: [agent.ErrDiffers]; that of
// ctx; context.Canceled if nothing is told.
func (p *person) compare(ctx context.Context, code string) error {
	told := make(chan line, 1)
	go func() {
		text, err := readLine(p.form)
		told <- line{text, err}
	}()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case l := <-told:
		switch {
		case l.err != nil:
			p.say("Nobody has told what code the form shows.")
			return context.Canceled
		case string(bytes.TrimSpace(l.text)) != code:
			return agent.ErrDiffers
		}
		return nil
	}
}
