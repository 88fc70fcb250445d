package main

import (
	"fmt"
	"os"
	"time"

	"golang.org/x/term"
)

// progressEvery is how often a line of progress is written anew.
const progressEvery = 200 * time.Millisecond

// progress shows how long work goes on, by rewriting one line on standard error with
// what say returns, until stop is called. Where standard error is no terminal it shows
// nothing. say is called beside the work.
func (in *invocation) progress(say func() string) (stop func()) {
	terminal, ok := in.stderr.(*os.File)
	if !ok || !term.IsTerminal(int(terminal.Fd())) {
		return func() {}
	}
	const clear = "\r\x1b[K"
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		tick := time.NewTicker(progressEvery)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				fmt.Fprint(terminal, clear, say())
			case <-done:
				fmt.Fprint(terminal, clear)
				return
			}
		}
	}()
	return func() {
		close(done)
		<-ended
	}
}
