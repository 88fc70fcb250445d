package relay

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"log/slog"
	"time"

	"github.com/google/uuid"

	"bestow.dev/internal/audit"
	"bestow.dev/internal/plugout"
	"bestow.dev/internal/tenant"
)

// MaxWrongTokens is how many wrong tokens one address may present within
// [WrongTokenWindow] before it has to wait.
const (
	MaxWrongTokens   = 10
	WrongTokenWindow = time.Minute
)

// Redemption is an attempt to open a box.
type Redemption struct {
	Box     string // id of the box
	Token   string // from the link; a secret
	Client  plugout.Client
	Address string // the device's network address without port
}

// LogValue keeps the token out of logs.
func (r Redemption) LogValue() slog.Value { return slog.StringValue("redemption of box " + r.Box) }

// Desktop is an agent that has opened a box, as it shows itself with every call.
type Desktop struct {
	Box     string // id of the box
	Session string // the session secret
}

// LogValue keeps the session secret out of logs.
func (d Desktop) LogValue() slog.Value { return slog.StringValue("desktop at box " + d.Box) }

// OpenSession redeems the token of a link. It works once: a second attempt with
// the right token means that the link is in other hands too, so it ends the
// session. A wrong token changes nothing but the patience with its address.
//
// Errors: relay.redeem_wrong, relay.redeem_limited; relay.session_gone for a box
// that is not there, was opened before, or is over.
func (s *Service) OpenSession(ctx context.Context, r Redemption) (*plugout.SessionResponse, error) {
	now := s.clock()
	from, since := tenant.Network(r.Address), now.Add(-WrongTokenWindow)
	if !isID(r.Box) {
		r.Box = "" // there is none of that id either
	}
	box, wrong, err := s.store.Redeemable(ctx, r.Box, from, since)
	switch {
	case err != nil:
		return nil, err
	case wrong >= MaxWrongTokens:
		return nil, ErrRedeemLimited
	case box == nil:
		return nil, ErrSessionGone
	}
	if !box.opensWith(r.Token) {
		if err := s.store.AddWrongToken(ctx, from, now, since); err != nil {
			return nil, err
		}
		return nil, ErrRedeemWrong
	}
	if box.Over(now) {
		return nil, ErrSessionGone
	}
	secret := newSessionSecret()
	desk := Desk{App: r.Client.App, Version: r.Client.Version, OS: r.Client.OS, Address: r.Address}
	by := device(box)
	result, err := s.store.Redeem(ctx, &Redeem{
		Box: box.ID, At: now, SessionHash: hashOf(secret), Desk: desk,
		OpenedEvent: boxEvent(by, now, actionOpened),
		Twice:       s.redeemedTwice(box, r, now),
	})
	if err != nil {
		return nil, err
	}
	if result != RedeemedNow {
		return nil, ErrSessionGone
	}
	_, items, err := s.visible(ctx, Desktop{Box: box.ID, Session: secret})
	if err != nil {
		return nil, err
	}
	return &plugout.SessionResponse{Session: secret, Expires: box.Expires, Messages: items, MatchCode: box.MatchCode}, nil
}

// redeemedTwice ends the session of a box whose link was used again. The event
// tells of the second address as well.
func (s *Service) redeemedTwice(box *Box, r Redemption, now time.Time) Closing {
	c := s.closing(device(box), box.ID, now, actionRedeemedTwice, plugout.StatusSessionEnded)
	first := c.ClosedEvent
	c.ClosedEvent = func(b *Box) audit.Event {
		e := first(b)
		e.Detail["second_address"] = r.Address
		return e
	}
	return c
}

// CloseSession ends a session, as the agent wishes. Commands still open in it are
// cancelled. A profile box has no end: nothing happens to it.
//
// Errors: relay.session_wrong, relay.session_gone.
func (s *Service) CloseSession(ctx context.Context, d Desktop) error {
	box, err := s.enter(ctx, d)
	if err != nil || box.Kind == ProfileBox {
		return err
	}
	shut := s.closing(device(box), box.ID, s.clock(), actionClosed, plugout.StatusSessionEnded)
	_, err = s.store.Close(ctx, &shut) // if it was closed meanwhile, that is what is wanted
	return err
}

// ConfirmMatch notes that the person at the desk saw the same code in the agent and
// on the form. Only from then on is a create command shown. Said again it changes
// nothing.
//
// Errors: relay.session_wrong, relay.session_gone.
func (s *Service) ConfirmMatch(ctx context.Context, d Desktop) error {
	box, err := s.enter(ctx, d)
	if err != nil || !box.MatchCode || !box.Confirmed.IsZero() {
		return err
	}
	now := s.clock()
	_, err = s.store.Confirm(ctx, box.ID, now, boxEvent(device(box), now, actionConfirmed))
	return err
}

// box returns a box by its id, as it stands in a path.
func (s *Service) box(ctx context.Context, id string) (*Box, error) {
	if !isID(id) {
		return nil, ErrSessionGone
	}
	return s.store.Box(ctx, id)
}

// isID reports whether text can be the id of a box or message. What cannot is not
// looked for: paths may hold what a database does not take as text.
func isID(text string) bool { return len(text) == 36 && uuid.Validate(text) == nil }

// enter returns the box that d has opened.
func (s *Service) enter(ctx context.Context, d Desktop) (*Box, error) {
	box, err := s.box(ctx, d.Box)
	if err != nil {
		return nil, err
	}
	return box, s.admit(box, d)
}

// admit checks that d has opened the box and that it is not over.
func (s *Service) admit(box *Box, d Desktop) error {
	switch {
	case !isHashOf(box.SessionHash, d.Session):
		return ErrSessionWrong
	case box.Over(s.clock()):
		return ErrSessionGone
	}
	return nil
}

// newSessionSecret returns 256 random bits as text.
func newSessionSecret() string {
	var b [32]byte
	rand.Read(b[:])
	return base64.RawURLEncoding.EncodeToString(b[:])
}
