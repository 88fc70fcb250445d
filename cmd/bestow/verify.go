package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"bestow.dev/internal/verify"
	"bestow.dev/trust"
)

type verifyCmd struct {
	Batch bool `help:"Read one case a line and print one verdict a line, in the same order. Empty lines are skipped."`
}

func (verifyCmd) Help() string {
	return `Reads a recorded ceremony, a JSON object of schema webauthn-case/1 and at most 4 MiB, from
standard input, and prints a verdict. The judgement is the server's own. No configuration,
database, network or clock is consulted: what counts is in the case.

Exit code: 0 accept, 1 reject, 2 no case, 3 a fault of the program. With --batch: 0 when every
line got a verdict, 2 when some line was no case, 3 after a fault of the program.

Examples:
  bestow verify < case.json
  bestow verify --batch < cases.jsonl > verdicts.jsonl`
}

// Run judges what stands on standard input.
func (c verifyCmd) Run(in *invocation) error {
	// A read of standard input does not heed the context. There is nothing to put in
	// order before the program ends, so the signals may end it.
	signal.Reset(os.Interrupt, syscall.SIGTERM)
	judge := judgeOne
	if c.Batch {
		judge = judgeLines
	}
	code, err := judge(in)
	if err != nil {
		return err
	}
	if code != exitDone {
		return exitCode(code)
	}
	return nil
}

// judgeOne judges the one case that the whole input is, and returns the exit code.
func judgeOne(in *invocation) (int, error) {
	text, err := io.ReadAll(io.LimitReader(in.stdin, verify.MaxTextBytes))
	if err != nil {
		return 0, fmt.Errorf("read the case: %w", err)
	}
	v, err := in.judge(text)
	if err != nil {
		return 0, err
	}
	switch {
	case v.Internal():
		return exitInternal, nil
	case v.Outcome == verify.Error:
		return exitUsage, nil
	case v.Outcome == verify.Reject:
		return exitRefused, nil
	}
	return exitDone, nil
}

// judgeLines judges a case a line, and returns the exit code. Each verdict is written
// before the next line is read, so that a program at the other end may wait for it.
func judgeLines(in *invocation) (int, error) {
	code := exitDone
	r := bufio.NewReaderSize(in.stdin, 64<<10)
	for n := 1; ; n++ {
		line, err := readLine(r, verify.MaxTextBytes-1)
		if err != nil && !errors.Is(err, io.EOF) {
			return 0, fmt.Errorf("read line %d: %w", n, err)
		}
		ended := err != nil
		if len(bytes.TrimSpace(line)) > 0 {
			v, err := in.judge(line)
			if err != nil {
				return 0, err
			}
			switch {
			case v.Internal():
				code = exitInternal
			case v.Outcome == verify.Error:
				code = max(code, exitUsage)
			}
		}
		if ended {
			return code, nil
		}
	}
}

// judge judges a case and prints the verdict.
func (in *invocation) judge(text []byte) (*verify.Verdict, error) {
	began := time.Now()
	v := verify.Judge{TPMVendors: trust.TPMVendorIDs()}.Case(text)
	v.Took(time.Since(began))
	if v.Trace != nil {
		fmt.Fprintf(in.stderr, "bestow: a fault while judging a case:\n%s", v.Trace)
	}
	if _, err := in.stdout.Write(v.Line()); err != nil {
		return nil, fmt.Errorf("print the verdict: %w", err)
	}
	return &v, nil
}

// readLine returns the next line without its line feed. Of a line that is longer than
// limit the rest is skipped; one byte more than limit is returned, to tell. The error
// is io.EOF with the last line.
func readLine(r *bufio.Reader, limit int) ([]byte, error) {
	var line []byte
	for {
		part, err := r.ReadSlice('\n')
		if err == nil {
			part = part[:len(part)-1]
		}
		line = append(line, part[:min(len(part), limit+1-len(line))]...)
		if !errors.Is(err, bufio.ErrBufferFull) {
			return line, err
		}
	}
}
