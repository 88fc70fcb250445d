package api

import (
	"context"
	"encoding/json"
	"time"

	"bestow.dev/internal/credential"
	"bestow.dev/internal/tenant"
)

// personRecord is all that is kept about a person, to be handed to them. Of secrets
// only hashes are kept, and they are not in it.
type personRecord struct {
	User        user                 `json:"user"`
	Credentials []recordedCredential `json:"credentials" nullable:"false"`
	Ceremonies  []recordedCeremony   `json:"ceremonies" nullable:"false"`
	Invitations []recordedInvitation `json:"invitations" nullable:"false"`
	Sessions    []recordedSession    `json:"sessions" nullable:"false"`
	Runs        []recordedRun        `json:"runs" nullable:"false" doc:"Of identity processes that are for the person"`
	Events      []event              `json:"events" nullable:"false" doc:"Of the audit trail"`
}

type recordedCredential struct {
	BoundCredential
	UserAgent string    `json:"userAgent,omitempty"`
	Evidence  *evidence `json:"evidence,omitempty"`
}

type recordedCeremony struct {
	Ceremony
	Kind    string `json:"kind" enum:"registration,authentication"`
	Actor   string `json:"actor"`
	Address string `json:"address,omitempty"`
}

type recordedInvitation struct {
	Invitation
	State string     `json:"state" enum:"open,spent,cancelled"`
	Actor string     `json:"actor"`
	Ended *time.Time `json:"ended,omitempty"`
}

type recordedSession struct {
	Purpose      string     `json:"purpose" enum:"enrol,visit,signed_in"`
	RelyingParty string     `json:"relyingParty"`
	Address      string     `json:"address,omitempty"`
	Created      time.Time  `json:"created"`
	Expires      time.Time  `json:"expires"`
	Ended        *time.Time `json:"ended,omitempty"`
	Credential   string     `json:"credential,omitempty" doc:"Our id of the credential registered, or signed in with"`
}

type recordedRun struct {
	ID        string                     `json:"id"`
	Process   string                     `json:"process"`
	Version   int                        `json:"version"`
	Status    string                     `json:"status" enum:"running,completed,failed,cancelled"`
	Starter   string                     `json:"starter"`
	Error     string                     `json:"error,omitempty"`
	Message   string                     `json:"message,omitempty"`
	Variables map[string]json.RawMessage `json:"variables,omitempty" doc:"Secret ones are not shown"`
	Created   time.Time                  `json:"created"`
	Ended     *time.Time                 `json:"ended,omitempty"`
}

func fromRecord(r *credential.PersonRecord, now time.Time) personRecord {
	out := personRecord{
		User: fromUser(&r.User),
		Credentials: each(r.Credentials, func(c *credential.Credential) recordedCredential {
			return recordedCredential{BoundCredential: fromCredential(c), UserAgent: c.UserAgent}
		}),
		Ceremonies:  each(r.Ceremonies, func(c *credential.Ceremony) recordedCeremony { return recordCeremony(c, now) }),
		Invitations: each(r.Invitations, recordInvitation),
		Sessions:    each(r.Sessions, recordSession),
		Runs:        each(r.Runs, recordRun),
		Events:      each(r.Events, fromEvent),
	}
	for i := range min(len(r.Evidence), len(out.Credentials)) {
		out.Credentials[i].Evidence = new(fromEvidence(&r.Evidence[i]))
	}
	return out
}

func recordCeremony(c *credential.Ceremony, now time.Time) recordedCeremony {
	return recordedCeremony{Ceremony: fromCeremony(c, now), Kind: string(c.Kind), Actor: c.Actor.String(), Address: c.Address}
}

func recordInvitation(i *credential.Invitation) recordedInvitation {
	return recordedInvitation{Invitation: fromInvitation(i), State: string(i.State), Actor: i.Actor.String(), Ended: unlessZero(i.Ended)}
}

func recordSession(s *credential.Session) recordedSession {
	return recordedSession{
		Purpose: string(s.Purpose), RelyingParty: s.RelyingParty, Address: s.Address,
		Created: s.Created, Expires: s.Expires, Ended: unlessZero(s.Ended), Credential: string(s.Credential),
	}
}

func recordRun(r *credential.PersonRun) recordedRun {
	return recordedRun{
		ID: r.ID, Process: r.Process, Version: r.Version, Status: r.Status, Starter: r.Starter.String(), Error: r.Error, Message: r.Message,
		Variables: r.Variables, Created: r.Created, Ended: unlessZero(r.Ended),
	}
}

func (f *front) exportUser(ctx context.Context, by tenant.Authority, in *UserPath) (*answer[personRecord], error) {
	r, err := f.Credentials.ExportUser(ctx, by, in.ref())
	if err != nil {
		return nil, err
	}
	return &answer[personRecord]{fromRecord(r, f.Now())}, nil
}
