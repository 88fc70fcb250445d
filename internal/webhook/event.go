package webhook

import (
	"crypto/rand"
	"encoding/base32"
	"encoding/binary"
	"encoding/json"
	"strings"
	"sync/atomic"
	"time"

	"bestow.dev/internal/audit"
	"bestow.dev/internal/process"
)

// Event is something that happened, as endpoints are told of it.
type Event struct {
	ID     string // the same for all endpoints and each try
	Type   string
	Time   time.Time
	Tenant string
	Data   any // marshals to an object of identifiers and words of ours
}

// PingType is the type of events that only test an endpoint.
const PingType = "webhook.ping"

// Body returns the document that is sent.
func (e *Event) Body() ([]byte, error) {
	return json.Marshal(struct {
		ID     string `json:"id"`
		Type   string `json:"type"`
		Time   string `json:"time"`
		Tenant string `json:"tenant"`
		Data   any    `json:"data"`
	}{e.ID, e.Type, e.Time.UTC().Format("2006-01-02T15:04:05.000Z07:00"), e.Tenant, e.Data})
}

// change is the data of events about credentials and users.
type change struct {
	Credential   string          `json:"credential,omitempty"`
	User         string          `json:"user,omitempty"`
	RelyingParty string          `json:"relyingParty,omitempty"`
	Actor        audit.ActorKind `json:"actor"` // the kind alone: an operator's id may be a name
	Ref          string          `json:"ref,omitempty"`
}

// FromAudit returns the event that tells of what an audit event tells of; ok is false if
// it is none that anybody is told of. Those are the changes of credentials and users, by
// the names of their actions; not what was refused.
func FromAudit(e *audit.Event) (_ Event, ok bool) {
	if e.Outcome != audit.OK || !strings.HasPrefix(e.Action, "credential.") && !strings.HasPrefix(e.Action, "user.") {
		return Event{}, false
	}
	return newEvent(e.Tenant, e.Action, e.Time, change{
		Credential: e.Credential, User: e.User, RelyingParty: e.RelyingParty, Actor: e.Actor.Kind, Ref: e.Ref,
	}), true
}

// runChange is the data of events about runs of processes. What an event of a process
// says for people stays behind: it may hold a name.
type runChange struct {
	Run        string         `json:"run"`
	Definition string         `json:"definition,omitempty"`
	Version    int            `json:"version,omitempty"`
	User       string         `json:"user,omitempty"`
	Task       string         `json:"task,omitempty"`
	Job        string         `json:"job,omitempty"`
	Status     process.Status `json:"status,omitempty"`
}

// FromProcess returns the event that tells of an event of a process.
func FromProcess(e *process.Event) Event {
	return newEvent(e.Tenant, string(e.Kind), e.Time, runChange{
		Run: e.Run, Definition: e.Definition, Version: e.Version, User: e.Subject, Task: e.Task, Job: e.Job, Status: e.Status,
	})
}

func newEvent(tenantName, eventType string, at time.Time, data any) Event {
	return Event{ID: newID(at), Type: eventType, Time: at, Tenant: tenantName, Data: data}
}

var (
	made atomic.Uint32
	// In the order of its values wherever texts are compared: digits, then capitals.
	inOrder = base32.NewEncoding("0123456789ABCDEFGHIJKLMNOPQRSTUV").WithPadding(base32.NoPadding)
)

// newID returns an identifier that nobody guesses. Those of one node sort by time, and
// within a millisecond by when they were made.
func newID(at time.Time) string {
	var b [20]byte
	binary.BigEndian.PutUint64(b[:], uint64(at.UnixMilli())<<16) // 48 bits reach beyond the year 10000
	binary.BigEndian.PutUint32(b[6:], made.Add(1))
	rand.Read(b[10:])
	return "evt_" + inOrder.EncodeToString(b[:])
}
