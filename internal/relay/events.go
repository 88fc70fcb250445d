package relay

import (
	"strings"
	"time"

	"bestow.dev/internal/audit"
	"bestow.dev/internal/plugout"
	"bestow.dev/internal/tenant"
)

// The actions of this package's audit events.
const (
	actionAccepted      = "relay.command_accepted"
	actionEnded         = "relay.command_ended"
	actionOpened        = "relay.session_opened"
	actionRedeemedTwice = "relay.session_redeemed_twice"
	actionConfirmed     = "relay.match_confirmed"
	actionClosed        = "relay.session_closed"
	actionProfileGone   = "relay.profile_removed"
	actionDelivered     = "relay.callback_delivered"
	actionGivenUp       = "relay.callback_given_up"
)

// systemActor is the relay acting by itself: deadlines and callbacks.
var systemActor = audit.Actor{Kind: audit.System, ID: "relay"}

// system is the authority under which the relay acts by itself for a tenant.
func system(tenantName string) tenant.Authority {
	return tenant.Authority{Tenant: tenantName, Actor: systemActor}
}

// device is the authority under which the agent at box b acts. It is known by its
// box and nothing else.
func device(b *Box) tenant.Authority {
	return tenant.Authority{Tenant: b.Tenant, Actor: audit.Actor{Kind: audit.Device, ID: b.ID}, Via: "plugout"}
}

// outcomeCode returns a status as the outcome of an event.
func outcomeCode(s plugout.Status) string {
	if s == plugout.StatusOK {
		return audit.OK
	}
	return "relay." + strings.ToLower(string(s))
}

// accepted makes the event of a command that by sent.
func accepted(by tenant.Authority) func(*Stored) audit.Event {
	return func(c *Stored) audit.Event {
		e := by.Event(c.Issued, actionAccepted)
		e.Detail = map[string]string{"command": c.ID.String(), "type": string(c.Type)}
		if len(c.Destinations) > 0 {
			e.Detail["box"] = c.Destinations[0].Box
		}
		if e.Ref == "" {
			e.Ref = c.ID.String()
		}
		return e
	}
}

// ended makes the event of a command's outcome, which by brought about.
func ended(by tenant.Authority) func(*Stored) audit.Event {
	return func(c *Stored) audit.Event {
		by.Tenant = c.Tenant
		e := by.Event(c.Ended, actionEnded)
		e.Ref = c.ID.String()
		e.Outcome = outcomeCode(c.Status)
		e.Detail = map[string]string{"type": string(c.Type), "client": c.Client}
		if s := c.Remarks.Signature; s != nil {
			e.Detail["signature"] = string(s.State)
			if s.KeyID != "" {
				e.Detail["kid"] = s.KeyID
			}
		}
		return e
	}
}

// boxEvent makes an event about a box, which tells who is at the desk.
func boxEvent(by tenant.Authority, at time.Time, action string) func(*Box) audit.Event {
	return func(b *Box) audit.Event {
		e := by.Event(at, action)
		e.Ref = b.By.String()
		e.Detail = map[string]string{"box": b.ID, "client": b.Client}
		for name, value := range map[string]string{
			"app": b.Desk.App, "version": b.Desk.Version, "os": b.Desk.OS, "address": b.Desk.Address,
		} {
			if value != "" {
				e.Detail[name] = value
			}
		}
		return e
	}
}
