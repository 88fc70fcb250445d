package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"

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

// console is the terminal that the process runs in. It asks one question at a time.
type console struct {
	in     *os.File
	out    io.Writer
	before *term.State // what the terminal is set back to

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
		_ = in.Close()
		return nil
	}
	return &console{in: in, out: out, before: before}
}

// close sets the terminal back: a question for a secret may have been left with the
// echo off.
func (c *console) close() { _ = term.Restore(int(c.in.Fd()), c.before) }

func (c *console) say(text string) { fmt.Fprintln(c.out, text) }

func (c *console) ask(ctx context.Context, question string) (string, error) {
	text, err := c.read(ctx, question, func() ([]byte, error) { return readLine(c.in) })
	return string(bytes.TrimSpace(text)), err
}

// secret turns the echo off before it asks, so that not even the fastest hands are
// seen typing.
func (c *console) secret(ctx context.Context, question string) ([]byte, error) {
	if err := c.settle(ctx); err != nil {
		return nil, err
	}
	if err := setEcho(c.in, false); err != nil {
		return nil, fmt.Errorf("turn the echo of the terminal off: %w", err)
	}
	return c.read(ctx, question, func() ([]byte, error) {
		text, err := readLine(c.in)
		fmt.Fprintln(c.out) // the line end that was not shown
		return text, errors.Join(err, setEcho(c.in, true))
	})
}

// read puts a question and waits for the answer in the background, because a read
// from a terminal cannot be called off.
func (c *console) read(ctx context.Context, question string, read func() ([]byte, error)) ([]byte, error) {
	if err := c.settle(ctx); err != nil {
		return nil, err
	}
	fmt.Fprint(c.out, question)
	answer := make(chan line, 1)
	go func() {
		text, err := read()
		answer <- line{text, err}
	}()
	return c.await(ctx, answer)
}

// settle gets a read that outlived its question out of the way. It takes the next line
// that is typed, which must be neither a secret nor the answer to another question.
func (c *console) settle(ctx context.Context) error {
	if c.pending == nil {
		return nil
	}
	fmt.Fprintln(c.out, "\nThe last question is over. Press Enter to go on.")
	text, err := c.await(ctx, c.pending)
	clear(text)
	return err
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

// maxLineBytes bounds what is typed in answer to one question.
const maxLineBytes = 1024

// readLine reads a line byte by byte, so that nothing of the next one, which may be a
// secret, stays behind in a buffer. Its own buffer never grows, for the same reason.
func readLine(in io.Reader) ([]byte, error) {
	text := make([]byte, 0, maxLineBytes)
	var b [1]byte
	for {
		n, err := in.Read(b[:])
		switch {
		case n == 1 && b[0] == '\n':
			return bytes.TrimSuffix(text, []byte("\r")), nil
		case n == 1 && len(text) == maxLineBytes:
			clear(text)
			return nil, context.Canceled
		case n == 1:
			text = append(text, b[0])
		case err != nil:
			clear(text)
			return nil, err
		}
	}
}
