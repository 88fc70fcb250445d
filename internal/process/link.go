package process

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"time"

	"bestow.dev/internal/audit"
	"bestow.dev/internal/tenant"
)

// Limits of a link's life, and of the session that it opens.
const (
	defaultLinkLife = 24 * time.Hour
	minLinkLife     = time.Minute
	maxLinkLife     = 7 * 24 * time.Hour
	taskSessionLife = 30 * time.Minute
	secretBytes     = 32
)

// TaskLink lets the person whom a task is for do it without signing in: once, in one
// browser. Who holds its secret is taken for that person.
type TaskLink struct {
	ID      string
	Tenant  string
	Task    string
	Run     string
	User    string            // whom the task is for
	Secret  [sha256.Size]byte // SHA-256 of the secret
	Created time.Time
	Expires time.Time
	Spent   time.Time // zero until it was opened, or another took its place

	// Session is the SHA-256, in hexadecimal, of the cookie's value; empty until it was
	// opened, and when the session has ended.
	Session        string
	SessionExpires time.Time
}

// Opening is the first visit of a link.
type Opening struct {
	Secret         [sha256.Size]byte
	At             time.Time
	Session        string
	SessionExpires time.Time
}

// NewTaskLink is a link with its secret.
type NewTaskLink struct {
	Link   TaskLink
	Secret string // base64url of 256 bits; shown once, kept nowhere
}

// OpenedTask is the session that a link has opened.
type OpenedTask struct {
	Link   TaskLink
	Cookie string // base64url of 256 bits; given to the browser, kept nowhere
}

// CreateTaskLink makes a link for whoever an open task is assigned to. A link that was
// made earlier is void from then on, and its session ends. life is one minute to seven
// days; zero means a day.
//
// It needs process.run, and nobody may make one for themselves: they sign in. Errors:
// process.user_task_unknown, process.user_task_over, process.link_nobody,
// process.link_life, process.self.
func (s *Service) CreateTaskLink(ctx context.Context, by tenant.Authority, task string, life time.Duration) (*NewTaskLink, error) {
	if err := by.Require(tenant.ScopeProcessRun, ""); err != nil {
		return nil, err
	}
	if life == 0 {
		life = defaultLinkLife
	}
	if life < minLinkLife || life > maxLinkLife {
		return nil, ErrLinkLife.At("life")
	}
	t, err := s.store.Task(ctx, by.Tenant, task)
	switch {
	case err != nil:
		return nil, err
	case t.State != TaskOpen:
		return nil, ErrTaskOver
	case t.Assignee == "":
		return nil, ErrLinkNobody
	}
	if err := s.refuseOwn(ctx, by, t.Assignee); err != nil {
		return nil, err
	}
	now, secret := s.clock(), newSecret()
	l := TaskLink{
		ID: newID(), Tenant: by.Tenant, Task: t.ID, Run: t.Run, User: t.Assignee,
		Secret: sha256.Sum256([]byte(secret)), Created: now, Expires: now.Add(life),
	}
	e := taskEvent(by, now, "process.link_created", t)
	e.Detail["expires"] = l.Expires.Format(time.RFC3339)
	if err := s.store.AddTaskLink(ctx, &l, e); err != nil {
		return nil, err
	}
	return &NewTaskLink{Link: l, Secret: secret}, nil
}

// RedeemTaskLink spends a link and opens the browser session in which its person may do
// the one task, and then those that the run gives them next. door says where the visit
// comes from: its front and address. Whoever puts a page before it has to see to it that a
// link which only a mail program looks at is not spent, and that guessing is braked.
//
// Errors: process.link_unknown, process.link_spent, process.link_expired,
// process.user_task_over.
func (s *Service) RedeemTaskLink(ctx context.Context, secret string, door tenant.Authority) (*OpenedTask, error) {
	if !isSecret(secret) {
		return nil, ErrLinkUnknown
	}
	hash := sha256.Sum256([]byte(secret))
	l, err := s.store.TaskLink(ctx, hash)
	if err != nil {
		return nil, err
	}
	now, cookie := s.clock(), newSecret()
	o := &Opening{Secret: hash, At: now, Session: sessionHash(cookie), SessionExpires: now.Add(taskSessionLife)}
	l.Session, l.SessionExpires, l.Spent = o.Session, o.SessionExpires, now
	e := l.authority(door).Event(now, "process.link_opened")
	e.Ref, e.User = l.Run, l.User
	e.Detail = map[string]string{"task": l.Task, "link": l.ID}
	if err := s.store.OpenTaskLink(ctx, o, e); err != nil {
		return nil, err
	}
	return &OpenedTask{Link: *l, Cookie: cookie}, nil
}

// TaskSession returns the authority of the session that a cookie opens: that of its
// user, for one task, which it returns too, and for what follows from that. It lasts half
// an hour, whether or not the task is over by then. Errors: process.session_unknown, also for one
// that has ended.
func (s *Service) TaskSession(ctx context.Context, cookie string, door tenant.Authority) (by tenant.Authority, task string, err error) {
	if !isSecret(cookie) {
		return tenant.Authority{}, "", ErrSession
	}
	l, err := s.store.TaskSession(ctx, sessionHash(cookie))
	if err != nil {
		return tenant.Authority{}, "", err
	}
	if !s.clock().Before(l.SessionExpires) {
		return tenant.Authority{}, "", ErrSession
	}
	return l.authority(door), l.Task, nil
}

// EndTaskSession ends the session that a cookie opens. Errors: process.session_unknown, also
// for one that has ended.
func (s *Service) EndTaskSession(ctx context.Context, cookie string, door tenant.Authority) error {
	by, task, err := s.TaskSession(ctx, cookie, door)
	if err != nil {
		return err
	}
	e := by.Event(s.clock(), "process.link_session_ended")
	e.User, e.Detail = by.Actor.ID, map[string]string{"task": task}
	return s.store.EndTaskSession(ctx, by.Session, e)
}

// authority returns door as the authority of the link's session: it acts as its user,
// with no scopes, on the task that is its reference.
func (l *TaskLink) authority(door tenant.Authority) tenant.Authority {
	return tenant.Authority{
		Tenant: l.Tenant, Actor: audit.Actor{Kind: audit.User, ID: l.User},
		Via: door.Via, Ref: l.Task, Address: door.Address, Session: l.Session,
	}
}

func sessionHash(cookie string) string {
	sum := sha256.Sum256([]byte(cookie))
	return hex.EncodeToString(sum[:])
}

func newSecret() string {
	var b [secretBytes]byte
	rand.Read(b[:])
	return base64.RawURLEncoding.EncodeToString(b[:])
}

// isSecret reports whether s has the form of a secret of ours.
func isSecret(s string) bool {
	b, err := base64.RawURLEncoding.Strict().DecodeString(s)
	return err == nil && len(b) == secretBytes
}
