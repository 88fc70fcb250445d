package agent

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"bestow.dev/ctap"
	"bestow.dev/internal/plugout"
	"bestow.dev/webauthn"
)

// watchPause is how often the agent looks whether the requester still wants the
// credential that is being made.
const watchPause = 2 * time.Second

// order is a create command that has passed the rules of this desk.
type order struct {
	options *webauthn.CreationOptions
	origin  string
	filter  *plugout.AuthenticatorFilter
	text    string
}

// create makes a credential. Everything that can be refused without the person is
// refused first, and everything that needs no touch before the touch.
func (s *session) create(ctx context.Context, m *plugout.CommandMessage) reply {
	o, err := s.readOrder(m)
	if err != nil {
		return refused(plugout.StatusUnsupported, "%s", legible(err.Error()))
	}
	if o.options.TimeoutMillis > 0 {
		// A credential made after the relying party's own time would be of no use.
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, time.Duration(o.options.TimeoutMillis)*time.Millisecond, errTimeOver)
		defer cancel()
	}
	ctx, stop := s.watch(ctx, m.MessageID)
	defer stop()

	if err := s.confirm(ctx, m, o); err != nil {
		return failure(ctx, err)
	}
	key, err := s.choose(ctx, o.filter)
	if err != nil {
		return failure(ctx, err)
	}
	defer openKeys{key}.close()
	credential, err := s.make(ctx, key, o)
	if err != nil {
		return failure(ctx, err)
	}
	text := fmt.Sprintf("%s is registered for %s at %s, once the site has accepted it.", key.Name, legible(o.options.User.Name), o.options.RP.ID)
	return done(plugout.CreateCredentialResponse{Credential: credential}, text)
}

// readOrder reads a create command and holds it against the rules of this desk.
func (s *session) readOrder(m *plugout.CommandMessage) (*order, error) {
	var command plugout.CreateCredentialCommand
	if err := plugout.DecodeCommand(m.Command, &command); err != nil {
		return nil, errors.New("the command cannot be read")
	}
	options, err := webauthn.ParseCreationOptions(command.CreationOptions)
	if err != nil {
		return nil, err
	}
	rpID := options.RP.ID
	if !s.config.Trust.Allows(s.relay, rpID) {
		return nil, fmt.Errorf("relay %s may not ask for credentials of %s at this desk", s.relay, rpID)
	}
	origin := command.Origin
	if origin == "" {
		origin = "https://" + rpID
	}
	if err := CheckOrigin(origin, rpID); err != nil {
		return nil, err
	}
	if a := options.AuthenticatorSelection; a != nil && a.AuthenticatorAttachment == webauthn.AttachmentPlatform {
		return nil, errors.New("only security keys are served at this desk, no authenticators built into it")
	}
	return &order{options: options, origin: origin, filter: command.Authenticator, text: command.DisplayText}, nil
}

// confirm asks the person.
func (s *session) confirm(ctx context.Context, m *plugout.CommandMessage, o *order) error {
	s.tell(Event{Phase: PhaseConfirm, Command: m.Type, MessageID: m.MessageID, RPID: o.options.RP.ID})
	return s.config.Prompt.Confirm(ctx, Question{
		Relay:       s.relay,
		Requester:   legible(m.Requester),
		RPID:        o.options.RP.ID,
		RPName:      legible(o.options.RP.Name),
		Origin:      o.origin,
		UserName:    legible(o.options.User.Name),
		DisplayName: legible(o.options.User.DisplayName),
		DisplayText: legible(o.text),
		MatchCode:   s.matchCode,
	})
}

// make drives the key, and again as long as the person wants to after the key gave up
// waiting for a touch.
func (s *session) make(ctx context.Context, key *Key, o *order) (json.RawMessage, error) {
	data := clientData(typeCreate, o.options.Challenge, o.origin)
	params := credentialParams(o.options)
	hash := sha256.Sum256(data)
	params.ClientDataHash = hash[:]
	ask := &asker{Agent: s.Agent, keyName: key.Name}
	for {
		made, err := key.client.MakeCredential(ctx, params, ask.prompt())
		switch {
		case err == nil:
			return registrationJSON(o.options, data, made)
		case errors.Is(err, ctap.StatusUserActionTimeout):
			if err := s.touchAgain(ctx, key.Name); err != nil {
				return nil, err
			}
		case errors.Is(err, ctap.StatusPINPolicyViolation) && ask.offered:
			ask.refused = true // the key has its own idea of a good PIN; ask for another
		default:
			return nil, err
		}
	}
}

// touchAgain asks whether to wait for a touch once more. Nobody there to answer is not
// somebody who declined.
func (s *session) touchAgain(ctx context.Context, keyName string) error {
	err := s.config.Prompt.TouchAgain(ctx, keyName)
	if ctx.Err() != nil && errors.Is(context.Cause(ctx), errTimeOver) {
		return errUntouched
	}
	return err
}

// watch returns a context that ends when the message is not open any more: nobody
// should touch a key for a credential that nobody waits for. stop ends the watching.
func (s *session) watch(ctx context.Context, messageID string) (_ context.Context, stop func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	var watching sync.WaitGroup
	watching.Go(func() {
		for s.pause(ctx, watchPause) == nil {
			items, err := s.box.list(ctx, 0)
			gone := err == nil && !slices.ContainsFunc(items, func(m plugout.MessageItem) bool { return m.MessageID == messageID })
			if gone || errors.Is(err, errEnded) {
				cancel(errWithdrawn)
			}
		}
	})
	return ctx, func() {
		cancel(nil)
		watching.Wait()
	}
}
