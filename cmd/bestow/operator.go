package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"bestow.dev/internal/credential"
	"bestow.dev/internal/fault"
	"bestow.dev/internal/tenant"
)

type operatorCmd struct {
	Invite operatorInviteCmd `cmd:"" help:"Make somebody an operator and print a one-time enrolment link for them."`
	List   operatorListCmd   `cmd:"" help:"List operators."`
	Grant  operatorGrantCmd  `cmd:"" help:"Give a user a role, in place of the one they have."`
	Revoke operatorRevokeCmd `cmd:"" help:"Take a user's role and end their sessions in the console."`
}

const rolesHelp = `The roles: administrator may do everything in the tenant; enroller manages users and
their credentials; auditor reads everything, the audit trail included. A user has one.`

// operatorDocument is an operator in JSON.
type operatorDocument struct {
	User        string      `json:"user"` // id
	Name        string      `json:"name"`
	DisplayName string      `json:"displayName"`
	Role        tenant.Role `json:"role"`
	Locked      *time.Time  `json:"locked,omitempty"`
	Credentials int         `json:"credentials"` // active ones
	Granted     *time.Time  `json:"granted"`
	GrantedBy   string      `json:"grantedBy"`
}

type operatorInviteCmd struct {
	scope
	Name       string        `arg:"" help:"Login name. The user is created if there is none."`
	Role       tenant.Role   `help:"administrator, enroller or auditor." required:"" placeholder:"ROLE"`
	RP         string        `help:"Relying party, instead of the one that operators sign in to." name:"rp" placeholder:"ID"`
	Life       time.Duration `help:"How long the link works." default:"24h"`
	Additional bool          `help:"The user has a credential already and is to add another."`
}

func (operatorInviteCmd) Help() string {
	return rolesHelp + `

The link works once. Whoever holds it becomes the operator, so send it the way you
would send a password. Nobody invites themselves: where your own name on this machine
is the operator's, have somebody else run this.

Example:
  bestow operator invite alice@example.com --role administrator`
}

// Run makes the operator and prints the link, all of it or nothing.
func (c operatorInviteCmd) Run(in *invocation) error {
	return in.on(c.scope, func(l *local) error {
		rp, err := l.pickConsole(c.RP)
		if err != nil {
			return err
		}
		var invited *credential.Invited
		err = l.DB.InTx(in.ctx, func(ctx context.Context) error {
			_, err := l.Credentials.CreateUser(ctx, l.by, credential.NewUser{Name: c.Name})
			if err != nil && !errors.Is(err, credential.ErrUserExists) {
				return err
			}
			if _, err := l.Credentials.GrantRole(ctx, l.by, credential.GrantRole{User: credential.ByName(c.Name), Role: c.Role}); err != nil {
				return err
			}
			invited, err = l.Credentials.Invite(ctx, l.by, credential.Invite{
				RelyingParty: rp, User: credential.ByName(c.Name), Life: c.Life, Additional: c.Additional,
			})
			return err
		})
		if err != nil {
			return err
		}
		link := l.EnrolURL() + "#" + invited.Secret
		doc := map[string]any{"link": link, "expires": invited.Invitation.Expires, "role": c.Role, "console": l.ConsoleURL()}
		return in.print(doc, func(w io.Writer) {
			fmt.Fprintln(w, link)
			fmt.Fprintf(w, "It works once, until %s. After that, sign in at %s\n", cell(invited.Invitation.Expires), l.ConsoleURL())
		})
	})
}

// pickConsole returns the relying party that was named, or the one that operators of
// the tenant sign in to.
func (l *local) pickConsole(named string) (string, error) {
	if named != "" {
		return named, nil
	}
	rp, err := l.ConsoleRelyingParty(l.in.ctx)
	switch {
	case err != nil:
		return "", fault.New(fault.Invalid, "configuration", "configuration: "+err.Error())
	case rp.ID == "":
		return "", fault.New(fault.Invalid, "console.none", "No relying party has the public URL among its origins, so nobody can sign in to the console there. Check public-url and origins, or say --rp.")
	case rp.Tenant != l.by.Tenant:
		return "", fault.New(fault.Invalid, "console.tenant", fmt.Sprintf("The console is for tenant %s; see console.tenant in the configuration, or say --rp.", rp.Tenant))
	}
	return rp.ID, nil
}

type operatorListCmd struct{ scope }

func (operatorListCmd) Help() string { return "Example:\n  bestow operator list" }

// Run lists operators by name.
func (c operatorListCmd) Run(in *invocation) error {
	return in.on(c.scope, func(l *local) error {
		operators, err := l.Credentials.Operators(in.ctx, l.by)
		if err != nil {
			return err
		}
		docs := []operatorDocument{}
		for _, o := range operators {
			docs = append(docs, operatorDocument{
				User: string(o.User.ID), Name: o.User.Name, DisplayName: o.User.DisplayName, Role: o.User.Role,
				Locked: when(o.User.Locked), Credentials: o.Credentials, Granted: when(o.Granted), GrantedBy: o.GrantedBy,
			})
		}
		return in.print(docs, func(w io.Writer) {
			row(w, "NAME", "ROLE", "LOCKED", "CREDENTIALS", "GRANTED", "BY")
			for _, o := range operators {
				row(w, o.User.Name, string(o.User.Role), o.User.IsLocked(), o.Credentials, o.Granted, o.GrantedBy)
			}
		})
	})
}

type operatorGrantCmd struct {
	scope
	Name string      `arg:"" help:"Login name."`
	Role tenant.Role `help:"administrator, enroller or auditor." required:"" placeholder:"ROLE"`
	Yes  bool        `help:"Do it also where that takes the role from the last administrator."`
}

func (operatorGrantCmd) Help() string {
	return rolesHelp + `

The user signs in to the console with the credentials they have; look at who
registered them first: bestow credential list --user NAME. A running server goes by
the new role from the next page on.

Example:
  bestow operator grant alice@example.com --role auditor`
}

// Run grants the role.
func (c operatorGrantCmd) Run(in *invocation) error {
	return in.on(c.scope, func(l *local) error {
		u, err := l.Credentials.GrantRole(in.ctx, l.by, credential.GrantRole{User: credential.ByName(c.Name), Role: c.Role, LastToo: c.Yes})
		if err != nil {
			return sayYes(err)
		}
		return in.print(map[string]string{"user": string(u.ID), "name": u.Name, "role": string(u.Role)}, func(w io.Writer) {
			fmt.Fprintln(w, u.Name, "is now", u.Role)
		})
	})
}

type operatorRevokeCmd struct {
	scope
	Name string `arg:"" help:"Login name."`
	Yes  bool   `help:"Do it also for the last administrator."`
}

func (operatorRevokeCmd) Help() string {
	return `The user stays, with their credentials; their sessions in the console end at once.

Example:
  bestow operator revoke alice@example.com`
}

// Run revokes the role.
func (c operatorRevokeCmd) Run(in *invocation) error {
	return in.on(c.scope, func(l *local) error {
		u, err := l.Credentials.RevokeRole(in.ctx, l.by, credential.RevokeRole{User: credential.ByName(c.Name), LastToo: c.Yes})
		if err != nil {
			return sayYes(err)
		}
		return in.print(map[string]string{"revoked": string(u.ID)}, func(w io.Writer) { fmt.Fprintln(w, u.Name, "is no operator any more") })
	})
}

// sayYes tells whoever is at the command line what they alone can do about the last
// administrator.
func sayYes(err error) error {
	if errors.Is(err, credential.ErrLastAdministrator) {
		return credential.ErrLastAdministrator.Saying("This is the last administrator. Make somebody else one first, or say --yes.").Because(err)
	}
	return err
}
