package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"

	"golang.org/x/term"
)

// terminal is where the person sits.
type terminal interface {
	// say prints a line.
	say(text string)

	// ask prints a question and returns the line that was typed; secret does so
	// without showing it. Both return the error of ctx when that ends first, and
	// context.Canceled when the terminal is gone.
	ask(ctx context.Context, question string) (string, error)
	secret(ctx context.Context, question string) ([]byte, error)

	close()
}

// console is the terminal that the process runs in.
type console struct {
	in     *os.File
	out    io.Writer
	lines  *bufio.Reader
	before *term.State // what the terminal is set back to

	mu      sync.Mutex
	pending chan line // a read whose question is over; nil: none
}

type line struct {
	text []byte
	err  error
}

// newConsole returns nil if the process runs in no terminal.
func newConsole() terminal {
	in, out, err := openConsole()
	if err != nil {
		return nil
	}
	before, err := term.GetState(int(in.Fd()))
	if err != nil {
		return nil
	}
	return &console{in: in, out: out, lines: bufio.NewReader(in), before: before}
}

// close sets the terminal back: a question for a secret may have been left with the
// echo off.
func (c *console) close() { _ = term.Restore(int(c.in.Fd()), c.before) }

func (c *console) say(text string) { fmt.Fprintln(c.out, text) }

func (c *console) ask(ctx context.Context, question string) (string, error) {
	text, err := c.read(ctx, question, func() ([]byte, error) {
		text, err := c.lines.ReadString('\n')
		return []byte(strings.TrimSpace(text)), err
	})
	return string(text), err
}

func (c *console) secret(ctx context.Context, question string) ([]byte, error) {
	text, err := c.read(ctx, question, func() ([]byte, error) { return term.ReadPassword(int(c.in.Fd())) })
	if ctx.Err() == nil {
		fmt.Fprintln(c.out) // the line end that was not shown
	}
	return text, err
}

// read puts a question and waits for the answer in the background, because a read
// from a terminal cannot be called off. One that outlived its question takes the next
// line that is typed; so that this is never a secret shown, or an answer to another
// question, the next question waits until it is out of the way.
func (c *console) read(ctx context.Context, question string, read func() ([]byte, error)) ([]byte, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.pending != nil {
		fmt.Fprintln(c.out, "\nThe last question is over. Press Enter to go on.")
		if _, err := c.await(ctx, c.pending); err != nil {
			return nil, err
		}
	}
	fmt.Fprint(c.out, question)
	answer := make(chan line, 1)
	go func() {
		text, err := read()
		answer <- line{text, err}
	}()
	return c.await(ctx, answer)
}

func (c *console) await(ctx context.Context, answer chan line) ([]byte, error) {
	select {
	case <-ctx.Done():
		c.pending = answer
		return nil, ctx.Err()
	case got := <-answer:
		c.pending = nil
		if errors.Is(got.err, io.EOF) {
			return nil, context.Canceled
		}
		return got.text, got.err
	}
}
