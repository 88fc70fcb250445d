package tenant_test

import (
	"slices"
	"testing"

	"bestow.dev/internal/audit"
	"bestow.dev/internal/tenant"
)

func TestRoles(t *testing.T) {
	want := map[tenant.Role][]tenant.Scope{
		tenant.Administrator: {tenant.ScopeAdmin},
		tenant.Enroller:      {tenant.ScopeProvision, tenant.ScopeRead, tenant.ScopeManage, tenant.ScopeUsersWrite, tenant.ScopeProcessRun},
		tenant.Auditor:       {tenant.ScopeRead, tenant.ScopeAuditRead},
	}
	for _, role := range tenant.Roles() {
		if !role.Valid() || !slices.Equal(role.Scopes(), want[role]) {
			t.Errorf("%s: %v, want %v", role, role.Scopes(), want[role])
		}
		role.Scopes()[0] = tenant.ScopeAdmin // a copy
		delete(want, role)
	}
	if len(want) > 0 {
		t.Errorf("not listed: %v", want)
	}
	if role := tenant.Role("root"); role.Valid() || role.Scopes() != nil {
		t.Error("a role that is none may do something")
	}
}

// TestCovers: who may do what a role may.
func TestCovers(t *testing.T) {
	as := func(role tenant.Role) tenant.Authority {
		return tenant.OperatorAuthority("acme", "u1", role, tenant.Authority{})
	}
	narrow := as(tenant.Administrator)
	narrow.RelyingParties = []string{"login.example"}
	for name, tt := range map[string]struct {
		by    tenant.Authority
		roles []tenant.Role
	}{
		"nobody":                       {tenant.Authority{}, nil},
		"the command line":             {tenant.LocalOperator("acme", "root"), tenant.Roles()},
		"administrator":                {as(tenant.Administrator), tenant.Roles()},
		"enroller":                     {as(tenant.Enroller), []tenant.Role{tenant.Enroller}},
		"auditor":                      {as(tenant.Auditor), []tenant.Role{tenant.Auditor}},
		"admin of one relying party":   {narrow, nil},
		"a role that is none":          {as("root"), nil},
		"a client with all but one":    {tenant.Authority{Tenant: "acme", Scopes: []tenant.Scope{tenant.ScopeProvision, tenant.ScopeRead, tenant.ScopeManage}}, nil},
		"a client that reads the rest": {tenant.Authority{Tenant: "acme", Scopes: []tenant.Scope{tenant.ScopeAuditRead, tenant.ScopeRead}}, []tenant.Role{tenant.Auditor}},
	} {
		for _, role := range tenant.Roles() {
			if got, want := tt.by.Covers(role), slices.Contains(tt.roles, role); got != want {
				t.Errorf("%s covers %s: %v, want %v", name, role, got, want)
			}
		}
	}
}

func TestOperatorAuthority(t *testing.T) {
	by := tenant.OperatorAuthority("acme", "u1", tenant.Auditor, tenant.Authority{
		Tenant: "beta", Via: "console", Ref: "r", Address: "192.0.2.1", Session: "s", Scopes: tenant.Scopes(), Claimed: "x",
	})
	if by.Tenant != "acme" || by.Actor != (audit.Actor{Kind: audit.Operator, ID: "user:u1"}) || by.Via != "console" || by.Ref != "r" ||
		by.Address != "192.0.2.1" || by.Session != "" || by.Claimed != "" || len(by.Scopes) != 2 || by.IsLocal() {
		t.Errorf("got %+v", by)
	}
	if by := tenant.LocalOperator("acme", "root"); !by.IsLocal() {
		t.Errorf("%+v is not local", by)
	}
	if by := (tenant.Authority{Actor: audit.Actor{Kind: audit.Client, ID: "local:root"}}); by.IsLocal() {
		t.Error("a client passes for the command line")
	}
}
