package tenant

import (
	"slices"
	"time"

	"bestow.dev/internal/audit"
	"bestow.dev/internal/fault"
)

// Scope is one thing an API client may be allowed to do.
type Scope string

// The scopes. Each may be narrowed to relying parties by the grant that holds it.
const (
	ScopeProvision    Scope = "fido.provision"    // make creation options and store credentials on behalf of a user
	ScopeRead         Scope = "fido.read"         // read users' credentials
	ScopeManage       Scope = "fido.manage"       // rename, suspend, delete credentials
	ScopeAuthenticate Scope = "fido.authenticate" // make request options and verify assertions
	ScopeUsersWrite   Scope = "users.write"       // create, change, invite, erase users
	ScopeAuditRead    Scope = "audit.read"        // read and export the audit trail

	ScopeProcessRun    Scope = "process.run"    // start, list, cancel and mend identity processes
	ScopeProcessDeploy Scope = "process.deploy" // deploy definitions of identity processes

	ScopeAdmin Scope = "admin" // everything, API clients and relying parties included
)

// Scopes lists every scope, in the order they are documented.
func Scopes() []Scope {
	return []Scope{
		ScopeProvision, ScopeRead, ScopeManage, ScopeAuthenticate, ScopeUsersWrite, ScopeAuditRead,
		ScopeProcessRun, ScopeProcessDeploy, ScopeAdmin,
	}
}

// Authority is who acts, for whom, through which door and with which rights. It is
// part of every change: the domain checks it and writes it into the audit event.
//
// Its zero value may do nothing.
type Authority struct {
	Tenant     string
	Actor      audit.Actor
	OnBehalfOf string // user id; empty when the actor acts for itself or nobody
	Claimed    string // what the client says about its own operator; stored, never believed
	Via        string // the front: "api", "digitalaccess", "hermod", "enrol", "console", "cli"
	Ref        string // process, command or request id
	Address    string // the caller's network address without port, where there is one

	Scopes         []Scope
	RelyingParties []string // empty: the scopes hold for every relying party of the tenant

	// SparesOperators keeps it from acting on operators and their credentials, whatever
	// its scopes: some doors are for the people alone.
	SparesOperators bool

	// Subject is the id of the user who is at work, as a token of the tenant's identity
	// system proves, shown beside the client's own credentials or in their place. It lets
	// the authority do what users may do for themselves, without a scope, and keeps it from
	// doing anything with another user's credentials, whatever the scopes. Empty: nobody.
	Subject string

	// Session is the id of the browser session that acts as its own user, on the
	// enrolment pages and to sign in and out. Such an authority holds no scopes; what
	// it may do hangs on the session. That of an operator at work has none.
	Session string
}

// ErrDenied is returned where an authority lacks a right.
var ErrDenied = fault.New(fault.Denied, "authority.denied", "You are not allowed to do this.")

// Require returns nil if a holds scope for the relying party rp, and
// authority.denied otherwise. An empty rp asks for the scope on the whole tenant,
// which a grant narrowed to relying parties does not give.
func (a Authority) Require(scope Scope, rp string) error {
	if a.Tenant == "" {
		return ErrDenied.Saying("No authority was given.")
	}
	if !slices.Contains(a.Scopes, scope) && !slices.Contains(a.Scopes, ScopeAdmin) {
		return ErrDenied.Saying("This needs the scope %s.", scope)
	}
	if len(a.RelyingParties) > 0 && !slices.Contains(a.RelyingParties, rp) {
		return ErrDenied.Saying("The scope %s is not granted for this relying party.", scope)
	}
	return nil
}

// RequireOrSelf returns nil if a holds scope for the relying party rp, or has a Subject,
// who needs none for what is their own: that it is, is for the caller to see to. A grant
// that is narrowed to other relying parties is not made wider by a Subject.
func (a Authority) RequireOrSelf(scope Scope, rp string) error {
	if a.Subject == "" || a.Tenant == "" {
		return a.Require(scope, rp)
	}
	if len(a.RelyingParties) > 0 && !slices.Contains(a.RelyingParties, rp) {
		return ErrDenied.Saying("Nothing is granted for this relying party.")
	}
	return nil
}

// For returns a copy of a that acts on behalf of the user with the given id.
func (a Authority) For(user string) Authority {
	a.OnBehalfOf = user
	return a
}

// Event begins the audit event of a change made by a. The caller adds what was
// changed; the outcome is [audit.OK] until set otherwise.
func (a Authority) Event(now time.Time, action string) audit.Event {
	return audit.Event{
		Tenant:     a.Tenant,
		Time:       now.UTC().Truncate(time.Millisecond),
		Action:     action,
		Actor:      a.Actor,
		OnBehalfOf: a.OnBehalfOf,
		Claimed:    a.Claimed,
		Via:        a.Via,
		Ref:        a.Ref,
		Outcome:    audit.OK,
	}
}
