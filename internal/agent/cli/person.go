package cli

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"strings"

	"bestow.dev/internal/agent"
)

// person answers the questions of a session: at the terminal, or from options and
// the secrets pipe where nobody sits.
type person struct {
	term    terminal  // nil: nobody sits there
	out     io.Writer // where things are told when there is no terminal
	secrets *secrets

	yes      bool // agree to what is asked
	matching bool // the match code need not be compared

	form io.Reader // tells what code the form shows; nil: the person looks
}

// answerFlags let a desk be unattended. Each names what it gives away.
type answerFlags struct {
	Yes          bool `help:"Agree to every request that the allow list lets through, and touch the software key, without asking."`
	ConfirmMatch bool `name:"confirm-match" help:"Say without asking that the form shows the same code."`
}

func (in *invocation) person(s *secrets, f answerFlags) *person {
	return &person{term: in.terminal(), out: in.Stderr, secrets: s, yes: f.Yes, matching: f.ConfirmMatch}
}

func (p *person) close() {
	p.secrets.clear()
	if p.term != nil {
		p.term.close()
	}
}

func (p *person) say(text string) {
	if text == "" {
		return
	}
	if p.term == nil {
		fmt.Fprintln(p.out, text)
		return
	}
	p.term.say(text)
}

// prompt returns the questions of a session.
func (p *person) prompt() agent.Prompt {
	return agent.Prompt{
		Match:      p.match,
		Confirm:    p.confirm,
		InsertKey:  p.insertKey,
		ChooseKey:  p.chooseKey,
		PIN:        p.pin,
		NewPIN:     p.newPIN,
		Touch:      func(keyName string) { p.say("Touch " + keyName + " now.") },
		TouchAgain: p.touchAgain,
		Say:        p.say,
	}
}

// agrees asks a question that is answered with y or n; anything else means no.
func (p *person) agrees(ctx context.Context, question string) (bool, error) {
	answer, err := p.term.ask(ctx, question+" [y/N] ")
	if err != nil {
		return false, err
	}
	answer = strings.ToLower(answer)
	return answer == "y" || answer == "yes", nil
}

func (p *person) match(ctx context.Context, m agent.Match) error {
	p.say(m.Relay + " has a session for this desk, asked for by " + m.Requester + ".")
	if m.Title != "" {
		p.say("  " + m.Title)
	}
	if m.UserID != "" {
		p.say("  for " + m.UserID)
	}
	p.say("  code " + m.Code)
	switch {
	case p.matching:
		return nil
	case p.form != nil:
		return p.compare(ctx, m.Code)
	case p.term == nil:
		p.say("Nobody is here to compare the code; --match-fd would, and --confirm-match would take it as the same.")
		return context.Canceled
	}
	same, err := p.agrees(ctx, "Does the page you came from show the same code?")
	if err == nil && !same {
		return agent.ErrDiffers
	}
	return err
}

func (p *person) confirm(ctx context.Context, q agent.Question) error {
	p.say(question(q))
	switch {
	case p.yes:
		return nil
	case p.term == nil:
		p.say("Nobody is here to agree; --yes would.")
		return context.Canceled
	}
	ok, err := p.agrees(ctx, "Register a security key for this?")
	if err == nil && !ok {
		return context.Canceled
	}
	return err
}

// question tells all there is to know before a key is registered.
func question(q agent.Question) string {
	var b strings.Builder
	row := func(name, value string) {
		if value != "" {
			fmt.Fprintf(&b, "  %-8s %s\n", name, value)
		}
	}
	fmt.Fprintf(&b, "%s asks for a credential on a security key.\n", q.Requester)
	row("site", q.RPID)
	row("named", q.RPName)
	row("origin", q.Origin)
	row("user", q.UserName)
	if q.DisplayName != q.UserName {
		row("name", q.DisplayName)
	}
	row("says", q.DisplayText)
	row("relay", q.Relay)
	row("code", q.MatchCode)
	return strings.TrimSuffix(b.String(), "\n")
}

func (p *person) insertKey(context.Context) error {
	p.say("Insert a security key that would do.")
	return nil
}

func (p *person) chooseKey(ctx context.Context, keys []agent.Key) (agent.Key, error) {
	if p.term == nil {
		p.say("There are several security keys, and nobody is here to choose.")
		return agent.Key{}, context.Canceled
	}
	for i, k := range keys {
		p.say(fmt.Sprintf("  %d  %s", i+1, k.Name))
	}
	answer, err := p.term.ask(ctx, "Which security key? ")
	if err != nil {
		return agent.Key{}, err
	}
	for i, k := range keys {
		if answer == fmt.Sprint(i+1) {
			return k, nil
		}
	}
	return agent.Key{}, context.Canceled
}

// pin gives the PIN of the pipe once: a wrong one would block the key in the end.
func (p *person) pin(ctx context.Context, q agent.PINQuestion) ([]byte, error) {
	if q.Wrong {
		p.say("The PIN is wrong.")
	}
	if p.secrets.pin != nil && !q.Wrong {
		return bytes.Clone(p.secrets.pin), nil
	}
	if p.term == nil || p.secrets.pin != nil {
		return nil, context.Canceled
	}
	return p.typed(ctx, fmt.Sprintf("PIN of %s (%d attempts left): ", q.KeyName, q.AttemptsLeft))
}

// newPIN offers to set a first PIN.
func (p *person) newPIN(ctx context.Context, q agent.NewPINQuestion) ([]byte, error) {
	if q.Refused {
		p.say("That PIN is too short, too long or too simple.")
	}
	if p.secrets.pin != nil {
		if q.Refused {
			return nil, agent.ErrNoNewPIN
		}
		return bytes.Clone(p.secrets.pin), nil
	}
	if p.term == nil {
		return nil, agent.ErrNoNewPIN
	}
	p.say(fmt.Sprintf("%s has no PIN yet. Choose one of at least %d characters, or press Enter to set it elsewhere.", q.KeyName, q.MinLength))
	pin, err := p.twice(ctx, "New PIN")
	if err == nil && len(pin) == 0 {
		return nil, agent.ErrNoNewPIN
	}
	return pin, err
}

// twice asks for a secret until it was typed the same way two times. An empty one is
// taken at once.
func (p *person) twice(ctx context.Context, what string) ([]byte, error) {
	for {
		first, err := p.term.secret(ctx, what+": ")
		if err != nil || len(first) == 0 {
			return nil, err
		}
		second, err := p.term.secret(ctx, what+", once more: ")
		if err != nil {
			clear(first)
			return nil, err
		}
		same := bytes.Equal(first, second)
		clear(second)
		if same {
			return first, nil
		}
		clear(first)
		p.say("They differ.")
	}
}

// typed asks for a secret; an empty line declines.
func (p *person) typed(ctx context.Context, question string) ([]byte, error) {
	text, err := p.term.secret(ctx, question)
	if err == nil && len(text) == 0 {
		return nil, context.Canceled
	}
	return text, err
}

// touchAgain waits for the end of the time where nobody is there to ask.
func (p *person) touchAgain(ctx context.Context, keyName string) error {
	if p.term == nil {
		<-ctx.Done()
		return ctx.Err()
	}
	again, err := p.agrees(ctx, keyName+" was not touched. Try again?")
	if err == nil && !again {
		return context.Canceled
	}
	return err
}
