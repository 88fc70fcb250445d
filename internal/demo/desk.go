package demo

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// agent is the desktop agent, always in a process of its own, with a home of its own.
type agent struct {
	program    []string // the program and what stands before its verbs
	home       string
	caFile     string
	public     []byte // its signing key's public half, as a JWKS
	pin        string
	passphrase string
}

// keyFile is where the software security key keeps its sealed state.
func (a *agent) keyFile() string { return filepath.Join(a.home, "security.key") }

// command prepares a run of the agent. Its PIN and passphrase go through an inherited
// pipe, the descriptor 3, never through arguments or the environment, where others could
// read them.
func (a *agent) command(ctx context.Context, args ...string) (*exec.Cmd, func() error, error) {
	all := append(append([]string{}, a.program[1:]...), args...)
	cmd := exec.CommandContext(ctx, a.program[0], all...)
	cmd.Env = []string{"HOME=" + a.home, "PATH=" + os.Getenv("PATH"), "TMPDIR=" + os.TempDir()}
	cmd.WaitDelay = 2 * time.Second
	endWithParent(cmd)
	read, write, err := os.Pipe()
	if err != nil {
		return nil, nil, err
	}
	cmd.ExtraFiles = []*os.File{read}
	start := func() error {
		defer read.Close()
		defer write.Close()
		if err := cmd.Start(); err != nil {
			return err
		}
		// The pipe holds far more than two short lines, so this cannot block.
		_, err := fmt.Fprintf(write, "pin=%s\npassphrase=%s\n", a.pin, a.passphrase)
		return err
	}
	return cmd, start, nil
}

// run runs the agent to its end and returns what it printed.
func (a *agent) run(ctx context.Context, stdin io.Reader, args ...string) ([]byte, error) {
	cmd, start, err := a.command(ctx, args...)
	if err != nil {
		return nil, err
	}
	var out, complaints bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = stdin, &out, &complaints
	if err := start(); err != nil {
		return nil, err
	}
	if err := cmd.Wait(); err != nil {
		return nil, fmt.Errorf("%w: %s", err, strings.TrimSpace(complaints.String()))
	}
	return out.Bytes(), nil
}

// visit is an agent that opened a link. Its events tell what it is doing.
type visit struct {
	cancel context.CancelFunc
	form   *os.File // takes the code that the form shows
	events chan agentEvent
	ended  chan error // receives once, before events is closed
}

// agentEvent is a line of the agent's --events output.
type agentEvent struct {
	Phase     string `json:"phase"`
	MatchCode string `json:"matchCode"`
}

// open starts the agent on a plugout link. The visit has to be closed.
func (a *agent) open(ctx context.Context, link string) (*visit, error) {
	ctx, cancel := context.WithCancel(ctx)
	v := &visit{cancel: cancel, events: make(chan agentEvent, 64), ended: make(chan error, 1)}
	if err := v.start(ctx, a, link); err != nil {
		cancel()
		return nil, err
	}
	return v, nil
}

func (v *visit) start(ctx context.Context, a *agent, link string) error {
	cmd, start, err := a.command(ctx,
		"open", "--dir", a.home, "--ca-file", a.caFile, "--softkey", a.keyFile(),
		"--secrets-fd", "3", "--match-fd", "4", "--yes", "--events", "-")
	if err != nil {
		return err
	}
	read, write, err := os.Pipe()
	if err != nil {
		return err
	}
	defer read.Close()
	cmd.ExtraFiles = append(cmd.ExtraFiles, read)
	cmd.Stdin = strings.NewReader(link) // its code is a secret too
	out, err := cmd.StdoutPipe()
	if err != nil {
		return errors.Join(err, write.Close())
	}
	var complaints bytes.Buffer
	cmd.Stderr = &complaints
	if err := start(); err != nil {
		return errors.Join(err, write.Close())
	}
	v.form = write
	go func() {
		defer close(v.events)
		for lines := bufio.NewScanner(out); lines.Scan(); {
			var e agentEvent
			if json.Unmarshal(lines.Bytes(), &e) == nil {
				select {
				case v.events <- e:
				default: // nobody reads that fast; the story does not hang on it
				}
			}
		}
		err := cmd.Wait()
		if err != nil {
			err = fmt.Errorf("%w: %s", err, strings.TrimSpace(complaints.String()))
		}
		v.ended <- err
	}()
	return nil
}

// reaches returns the event with which the agent comes to a phase.
func (v *visit) reaches(ctx context.Context, phase string) (agentEvent, error) {
	for {
		select {
		case e, ok := <-v.events:
			switch {
			case !ok:
				return e, errors.Join(errors.New("the desktop agent ended before it came to "+phase), <-v.ended)
			case e.Phase == phase:
				return e, nil
			}
		case <-ctx.Done():
			return agentEvent{}, context.Cause(ctx)
		}
	}
}

// tell says to the agent what code the form shows.
func (v *visit) tell(code string) error {
	_, err := v.form.WriteString(code + "\n")
	return err
}

// close ends the agent if it still runs, and waits until it has ended.
func (v *visit) close() {
	v.cancel()
	for range v.events {
	}
	_ = v.form.Close() // only if nobody ever read it
}

// wait returns when the agent has ended by itself.
func (v *visit) wait(ctx context.Context) error {
	select {
	case err := <-v.ended:
		return err
	case <-ctx.Done():
		return errors.Join(errors.New("the desktop agent did not end"), context.Cause(ctx))
	}
}
