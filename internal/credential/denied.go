package credential

import (
	"context"
	"errors"
	"strconv"
	"time"

	"bestow.dev/internal/audit"
	"bestow.dev/internal/fault"
	"bestow.dev/internal/tenant"
)

// denialWindow is the time for which denials of one kind are counted.
const denialWindow = time.Minute

// DenialBrake bounds how many events tell of what was denied to one actor for one reason.
// Whoever has no right needs no ceremony to be refused, so that nothing else does.
type DenialBrake struct {
	Most   int           // within a window; those after are counted
	Window time.Duration // from the first one

	// RelyingParty is where it was denied, if the tenant has that one: noise at names that
	// somebody made up hides nothing. It is for RecordDenial alone.
	RelyingParty string
}

// DenialsLeftOut are denials of one kind that no event was written of.
type DenialsLeftOut struct {
	Event audit.Event // what they have in common, as of the time at which it is told
	Count int
	Since time.Time // when the window began
}

// event returns the one event that stands for all of them.
func (d DenialsLeftOut) event() audit.Event {
	e := d.Event
	e.Detail = map[string]string{"leftOut": strconv.Itoa(d.Count), "since": d.Since.UTC().Format(time.RFC3339)}
	return e
}

// denied writes down that a right was missing, and returns err. Other errors it leaves
// to be written down where they belong.
func (s *Service) denied(ctx context.Context, by tenant.Authority, kind CeremonyKind, rp string, err error) error {
	f := fault.From(err)
	if f == nil || f.Kind != fault.Denied || by.Tenant == "" || by.Session != "" {
		return err
	}
	e := by.Event(s.clock(), string(kind)+".denied")
	e.RelyingParty, e.User, e.Outcome = clip(rp, maxNameChars), by.Subject, f.Code
	if lost := s.recordDenial(context.WithoutCancel(ctx), e, rp); lost != nil {
		return errors.Join(lost, err)
	}
	return err
}

func (s *Service) recordDenial(ctx context.Context, e audit.Event, rp string) error {
	brake, braked := s.denialBrake()
	if !braked {
		return s.store.Record(ctx, e)
	}
	if _, err := s.rps.RelyingParty(ctx, e.Tenant, rp); err == nil {
		brake.RelyingParty = rp
	}
	return s.store.RecordDenial(ctx, e, brake, DenialsLeftOut.event)
}

// tellLeftOut writes down how many denials were left out in windows that are over.
func (s *Service) tellLeftOut(ctx context.Context, now time.Time) error {
	brake, braked := s.denialBrake()
	if !braked {
		return nil
	}
	return s.store.TellLeftOut(ctx, now, brake, DenialsLeftOut.event)
}

// denialBrake returns the brake on denials; false where there is none.
func (s *Service) denialBrake() (DenialBrake, bool) {
	return DenialBrake{Most: s.limits.DenialsPerMinute, Window: denialWindow}, s.limits.DenialsPerMinute >= 0
}
