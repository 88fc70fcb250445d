package tenant

import (
	"slices"
	"strings"

	"bestow.dev/internal/audit"
)

// Role is what an operator may do in their tenant. An operator has one: roles that
// add up would let a person audit what they enrolled.
type Role string

// The roles.
const (
	Administrator Role = "administrator" // everything, the roles of others included
	Enroller      Role = "enroller"      // users, their credentials, and the processes that make them
	Auditor       Role = "auditor"       // reads, the audit trail included, and changes nothing
)

// roleScopes is the one table of what each role may do. A role holds on the whole
// tenant.
var roleScopes = map[Role][]Scope{
	Administrator: {ScopeAdmin},
	Enroller:      {ScopeProvision, ScopeRead, ScopeManage, ScopeUsersWrite, ScopeProcessRun},
	Auditor:       {ScopeRead, ScopeAuditRead},
}

// Roles lists every role, in the order they are documented.
func Roles() []Role { return []Role{Administrator, Enroller, Auditor} }

// Scopes returns what the role may do; nothing for a text that is no role.
func (r Role) Scopes() []Scope { return slices.Clone(roleScopes[r]) }

// Valid reports whether r is one of [Roles].
func (r Role) Valid() bool { return roleScopes[r] != nil }

// UserPrefix begins the actor's id of an operator who is a user of the tenant. The
// user's id follows it: names change, and the audit trail has none.
const UserPrefix = "user:"

// OperatorAuthority returns the authority of the user with the given id, who holds
// role: on the whole tenant, through door and with its reference and address. It is
// nobody's session of the enrolment pages, so it makes credentials on behalf of others
// alone.
func OperatorAuthority(tenant, user string, role Role, door Authority) Authority {
	return Authority{
		Tenant:  tenant,
		Actor:   audit.Actor{Kind: audit.Operator, ID: UserPrefix + user},
		Via:     door.Via,
		Ref:     door.Ref,
		Address: door.Address,
		Scopes:  role.Scopes(),
	}
}

// Covers reports whether a may do all that role may.
func (a Authority) Covers(role Role) bool {
	for _, scope := range roleScopes[role] {
		if a.Require(scope, "") != nil {
			return false
		}
	}
	return true
}

// IsLocal reports whether a is the person at the command line, who could change the
// database by hand as well.
func (a Authority) IsLocal() bool {
	return a.Actor.Kind == audit.Operator && strings.HasPrefix(a.Actor.ID, LocalPrefix)
}
