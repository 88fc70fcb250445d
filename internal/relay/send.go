package relay

import (
	"context"
	"encoding/json"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/google/uuid"

	"bestow.dev/internal/plugout"
	"bestow.dev/internal/tenant"
)

// Send accepts a command of a client. From then on its clock runs.
//
// A command sent again under the same external id returns the receipt of the first
// one, without the link: that is shown once. SESSION_END, and DELETE without
// confirmation, are carried out by the relay itself and come back completed.
//
// Errors: authority.denied if by is not of the client's tenant;
// relay.unknown_command, relay.invalid_header, relay.invalid_command,
// relay.too_large, relay.no_such_destination, relay.session_ended, relay.box_full,
// relay.duplicate_external_id.
func (s *Service) Send(ctx context.Context, by tenant.Authority, client *Client, c Command) (*Receipt, error) {
	if by.Tenant == "" || by.Tenant != client.Tenant {
		return nil, tenant.ErrDenied
	}
	o, err := s.order(by, client, &c)
	if err != nil {
		return nil, err
	}
	draft, err := o.draft(&c)
	if err != nil {
		return nil, err
	}
	stored, repeated, err := s.store.AddCommand(ctx, draft, s.nextID)
	if err != nil {
		return nil, err
	}
	if repeated && stored.Request != draft.Command.Request {
		return nil, ErrDuplicateExternalID
	}
	if stored.State == InProgress {
		s.expectDeadline(stored.Deadline)
	}
	receipt := s.receipt(stored)
	receipt.Repeated = repeated
	if o.link != nil && !repeated {
		receipt.Destinations[0].URI = o.link.String()
	}
	return receipt, nil
}

// order is a command that was found good, on its way into the store.
type order struct {
	by     tenant.Authority
	client *Client
	now    time.Time
	stored Stored
	to     []string
	fresh  bool // it goes to a new temporary box
	relay  *Service

	link     *plugout.Link // of the new box, once it is made
	closings []Closing     // of boxes, once they are placed
}

// order checks all of c that can be judged without looking at a box.
func (s *Service) order(by tenant.Authority, client *Client, c *Command) (*order, error) {
	if _, err := KindOf(c.Type); err != nil {
		return nil, err
	}
	if len(c.Object) == 0 {
		c.Object = json.RawMessage("{}")
	}
	now := s.clock()
	timeout, lifespan, err := c.Header.times(now)
	if err != nil {
		return nil, err
	}
	to, fresh, err := c.Header.destinations()
	if err != nil {
		return nil, err
	}
	if err := c.Header.checkExternalID(); err != nil {
		return nil, err
	}
	inner, err := open(c.Object)
	if err != nil {
		return nil, err
	}
	if err := checkObject(client, c, inner); err != nil {
		return nil, err
	}
	return &order{
		by: by, client: client, now: now, to: to, fresh: fresh, relay: s,
		stored: Stored{
			Tenant: client.Tenant, Client: client.ID, Type: c.Type, ExternalID: c.Header.ExternalID,
			Request: c.request(to, timeout.Sub(now), lifespan.Sub(now)),
			Object:  c.Object, Nonce: inner.Nonce, Format: inner.Format, Callback: client.wantsCallback(),
			Issued: now, Timeout: timeout, Lifespan: lifespan,
			Deadline: timeout, AtDeadline: plugout.StatusTimeout, State: InProgress,
		},
	}, nil
}

// draft says how the command is stored.
func (o *order) draft(c *Command) (*Draft, error) {
	d := &Draft{Command: o.stored, At: o.now, AcceptedEvent: accepted(o.by), Told: o.relay.ended}
	switch {
	case c.Type == plugout.SessionEnd:
		return d, o.endSession(d)
	case c.Type == plugout.Delete:
		carriedOut, err := o.deleteBoxes(d, c)
		if carriedOut || err != nil {
			return d, err
		}
	case c.Type == plugout.SessionStart && !o.fresh:
		return nil, ErrInvalidHeader.At("to").Saying("a session starts in a new box: to is %s", ToTemporary)
	}
	if o.fresh {
		return d, o.intoNewBox(d)
	}
	d.Targets = o.targets()
	d.Place = o.place
	return d, nil
}

// intoNewBox makes the box that the command goes to, and its link.
func (o *order) intoNewBox(d *Draft) error {
	if d.Command.Type == plugout.FIDOCreateCredential && o.client.MatchCode {
		return ErrInvalidHeader.At("to").Saying("with match codes a credential is created in a session, where the code can be shown")
	}
	kind := TemporaryBox
	if d.Command.Type == plugout.SessionStart {
		kind = SessionBox
		d.Command.AtDeadline = plugout.StatusSessionNotStarted
	}
	id, token := uuid.NewString(), uuid.NewString()
	d.NewBox = &Box{
		ID: id, Tenant: o.client.Tenant, Client: o.client.ID, Group: o.client.group(), Kind: kind,
		TokenHash: hashOf(token), MatchCode: o.client.MatchCode,
		Created: o.now, StartBy: d.Command.Timeout, Expires: d.Command.Lifespan,
	}
	d.Command.Destinations = []StoredDestination{{To: ToTemporary, Box: id, Message: uuid.NewString()}}
	o.link = &plugout.Link{BoxURL: o.relay.boxURL(id), Token: token}
	return nil
}

// targets says which existing boxes the command means.
func (o *order) targets() []Target {
	list := make([]Target, 0, len(o.to))
	for _, to := range o.to {
		t := Target{To: to, Tenant: o.client.Tenant}
		if user, ok := strings.CutPrefix(to, ToUser); ok {
			t.User, t.Group = user, o.client.group()
		} else {
			t.Box = to
		}
		list = append(list, t)
	}
	return list
}

// place judges the boxes that a command is to go into.
func (o *order) place(boxes []PlacedBox, c *Stored) error {
	if len(boxes) > MaxDestinations {
		return ErrInvalidHeader.At("to").Saying("a command goes to at most %d boxes", MaxDestinations)
	}
	c.Destinations = c.Destinations[:0]
	seen := make(map[string]bool, len(boxes))
	for i := range boxes {
		b := &boxes[i].Box
		switch {
		case !o.reaches(b):
			return ErrNoSuchDestination.At("to")
		case b.Over(o.now):
			return ErrSessionEnded
		case b.Kind != ProfileBox && len(boxes) > 1:
			return ErrInvalidHeader.At("to").Saying("a temporary box stands alone")
		case c.Type == plugout.FIDOCreateCredential && o.client.MatchCode && b.Kind != SessionBox:
			return ErrInvalidHeader.At("to").Saying("with match codes a credential is created in a session, where the code can be shown")
		case seen[b.ID]:
			continue
		case b.Open >= MaxOpenMessages:
			return ErrBoxFull
		}
		seen[b.ID] = true
		c.Destinations = append(c.Destinations, StoredDestination{To: boxes[i].To, Box: b.ID, Message: uuid.NewString()})
		c.Deadline, c.AtDeadline = b.Deadline(c.Type, c.Timeout)
		if b.Kind != ProfileBox {
			c.Session = b.By
		}
	}
	return nil
}

// reaches reports whether the client may address b. A temporary box belongs to the
// client that made it, a profile box to the group.
func (o *order) reaches(b *Box) bool {
	if b.Tenant != o.client.Tenant {
		return false
	}
	if b.Kind == ProfileBox {
		return b.Group == o.client.group()
	}
	return b.Client == o.client.ID
}

// nextID returns an id for a command: the milliseconds since 2025 above 22 random
// bits, so that nodes need not agree on a counter. Those of one node grow, so that
// a box shows its messages in the order they were sent.
func (s *Service) nextID() CommandID {
	const epochMillis, randomBits, step = 1_735_689_600_000, 22, 1 << 10
	fresh := (s.now().UnixMilli()-epochMillis)<<randomBits | rand.Int64N(1<<randomBits)
	for {
		last := s.lastID.Load()
		id := max(fresh, last+1+rand.Int64N(step))
		if s.lastID.CompareAndSwap(last, id) {
			return CommandID(id)
		}
	}
}

// receipt tells the client of a stored command.
func (s *Service) receipt(c *Stored) *Receipt {
	r := &Receipt{ID: c.ID, Type: c.Type, ExternalID: c.ExternalID, State: c.State, FQDN: s.fqdn}
	for _, d := range c.Destinations {
		r.Destinations = append(r.Destinations, s.destination(d))
	}
	return r
}

func (s *Service) destination(d StoredDestination) Destination {
	out := Destination{To: d.To, Box: d.Box, Message: d.Message}
	if d.Message != "" {
		out.Location = s.messageURL(d.Box, d.Message)
	}
	return out
}
