package credential

import (
	"context"
	"errors"
	"strconv"
	"time"

	"bestow.dev/internal/audit"
	"bestow.dev/internal/tenant"
)

// purgeBatch is how many of each kind one transaction deletes, so that other writers
// do not wait for long.
const purgeBatch = 500

// Purge deletes ceremonies, sessions and invitations whose time has been over for as
// long as [Limits] say, in batches. It returns how much it deleted. Before that it tells
// of denials that were left out of the audit trail. It runs on every node every few
// minutes; to run it more often, or at the same time, does no harm.
func (s *Service) Purge(ctx context.Context) (Purged, error) {
	var total Purged
	now := s.clock()
	told := s.tellLeftOut(ctx, now) // what it fails of does not keep what is over
	r := Retention{
		Ceremonies:  cutoff(now, s.limits.KeepCeremonies),
		Sessions:    cutoff(now, s.limits.KeepSessions),
		Invitations: cutoff(now, s.limits.KeepInvitations),
		Limit:       purgeBatch,
	}
	for {
		n, err := s.store.Purge(ctx, r, s.purgedEvent)
		if err != nil {
			return total, errors.Join(told, err)
		}
		total.Ceremonies += n.Ceremonies
		total.Sessions += n.Sessions
		total.Invitations += n.Invitations
		if max(n.Ceremonies, n.Sessions, n.Invitations) < purgeBatch {
			return total, errors.Join(told, ctx.Err())
		}
	}
}

// cutoff returns the time before which things are not kept; zero, before which there
// is nothing, where they are kept for ever.
func cutoff(now time.Time, keep time.Duration) time.Time {
	if keep < 0 {
		return time.Time{}
	}
	return now.Add(-keep)
}

func (s *Service) purgedEvent(tenantName string, n Purged) audit.Event {
	by := tenant.Authority{Tenant: tenantName, Actor: audit.Actor{Kind: audit.System, ID: "retention"}}
	e := by.Event(s.clock(), "retention.purged")
	e.Detail = map[string]string{
		"ceremonies":  strconv.Itoa(n.Ceremonies),
		"sessions":    strconv.Itoa(n.Sessions),
		"invitations": strconv.Itoa(n.Invitations),
	}
	return e
}
