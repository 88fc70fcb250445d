package main

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"bestow.dev/internal/credential"
	"bestow.dev/internal/fault"
)

type userCmd struct {
	Create userCreateCmd `cmd:"" help:"Create a user."`
	List   userListCmd   `cmd:"" help:"List users."`
	Show   userShowCmd   `cmd:"" help:"Show one user."`
	Update userUpdateCmd `cmd:"" help:"Change a user's names."`
	Lock   userLockCmd   `cmd:"" help:"Lock a user: no registration, no sign-in."`
	Unlock userUnlockCmd `cmd:"" help:"Unlock a user."`
	Import userImportCmd `cmd:"" help:"Create users from a CSV file."`
	Invite userInviteCmd `cmd:"" help:"Print a one-time enrolment link for a user."`
	Export userExportCmd `cmd:"" help:"Print everything that is kept about a user."`
	Erase  userEraseCmd  `cmd:"" help:"Delete a user with their credentials."`
}

// userDocument is a user in JSON.
type userDocument struct {
	ID          string     `json:"id"`
	Name        string     `json:"name"`
	DisplayName string     `json:"displayName"`
	Handle      string     `json:"handle"` // hexadecimal
	Locked      *time.Time `json:"locked,omitempty"`
	Created     *time.Time `json:"created"`
	Updated     *time.Time `json:"updated"`
}

func fromUser(u *credential.User) userDocument {
	return userDocument{
		ID: string(u.ID), Name: u.Name, DisplayName: u.DisplayName, Handle: hex.EncodeToString(u.Handle),
		Locked: when(u.Locked), Created: when(u.Created), Updated: when(u.Updated),
	}
}

// printUser shows the user that a call returned, if it did.
func (in *invocation) printUser(u *credential.User, err error) error {
	if err != nil {
		return err
	}
	return in.print(fromUser(u), func(w io.Writer) {
		row(w, "id", string(u.ID))
		row(w, "name", u.Name)
		row(w, "display name", u.DisplayName)
		row(w, "locked", u.Locked)
		row(w, "created", u.Created)
	})
}

type userCreateCmd struct {
	scope
	Name        string `arg:"" help:"Login name."`
	DisplayName string `help:"Name that people see." placeholder:"TEXT"`
}

func (userCreateCmd) Help() string {
	return "Example:\n  bestow user create alice@example.com --display-name \"Alice Example\""
}

// Run creates the user and shows it.
func (c userCreateCmd) Run(in *invocation) error {
	return in.on(c.scope, func(l *local) error {
		return in.printUser(l.Credentials.CreateUser(in.ctx, l.by, credential.NewUser{Name: c.Name, DisplayName: c.DisplayName}))
	})
}

type userListCmd struct {
	scope
	Search string `help:"Part of a name." placeholder:"TEXT"`
	Limit  int    `help:"How many at most." default:"100"`
}

func (userListCmd) Help() string { return "Example:\n  bestow user list --search alice --json" }

// Run lists users by name.
func (c userListCmd) Run(in *invocation) error {
	return in.on(c.scope, func(l *local) error {
		users, more, err := collectPages(c.Limit, func(after string, limit int) ([]credential.User, string, error) {
			page, err := l.Credentials.Users(in.ctx, l.by, credential.UserQuery{Search: c.Search, After: after, Limit: limit})
			if err != nil {
				return nil, "", err
			}
			return page.Users, page.Next, nil
		})
		if err != nil {
			return err
		}
		docs := []userDocument{}
		for i := range users {
			docs = append(docs, fromUser(&users[i]))
		}
		defer in.tellMore(more)
		return in.print(docs, func(w io.Writer) {
			row(w, "NAME", "DISPLAY NAME", "LOCKED", "CREATED", "ID")
			for _, u := range users {
				row(w, u.Name, u.DisplayName, u.IsLocked(), u.Created, string(u.ID))
			}
		})
	})
}

// collectPages gathers up to most entries from pages and tells whether there are more.
func collectPages[T any](most int, page func(after string, limit int) ([]T, string, error)) (all []T, more bool, err error) {
	const pageSize = 1000
	after := ""
	for len(all) < most {
		list, next, err := page(after, min(pageSize, most-len(all)))
		if err != nil {
			return nil, false, err
		}
		all = append(all, list...)
		if next == "" {
			return all, false, nil
		}
		after = next
	}
	return all, true, nil
}

// tellMore says on standard error that a list was cut.
func (in *invocation) tellMore(more bool) {
	if more {
		fmt.Fprintln(in.stderr, "There are more; raise --limit to see them.")
	}
}

type userShowCmd struct {
	scope
	Name string `arg:"" help:"Login name."`
}

func (userShowCmd) Help() string { return "Example:\n  bestow user show alice@example.com" }

// Run shows the user.
func (c userShowCmd) Run(in *invocation) error {
	return in.on(c.scope, func(l *local) error {
		return in.printUser(l.Credentials.User(in.ctx, l.by, credential.ByName(c.Name)))
	})
}

type userUpdateCmd struct {
	scope
	Name        string  `arg:"" help:"Login name."`
	NewName     *string `help:"New login name." placeholder:"NAME"`
	DisplayName *string `help:"New name that people see." placeholder:"TEXT"`
}

func (userUpdateCmd) Help() string {
	return "Example:\n  bestow user update alice@example.com --display-name \"Alice Other\""
}

// Run changes what was given.
func (c userUpdateCmd) Run(in *invocation) error {
	return in.on(c.scope, func(l *local) error {
		return in.printUser(l.Credentials.UpdateUser(in.ctx, l.by, credential.ByName(c.Name), credential.UserUpdate{Name: c.NewName, DisplayName: c.DisplayName}))
	})
}

type userLockCmd struct {
	scope
	Name string `arg:"" help:"Login name."`
}

func (userLockCmd) Help() string { return "Example:\n  bestow user lock alice@example.com" }

// Run locks the user.
func (c userLockCmd) Run(in *invocation) error {
	return in.on(c.scope, func(l *local) error {
		return in.printUser(l.Credentials.LockUser(in.ctx, l.by, credential.ByName(c.Name)))
	})
}

type userUnlockCmd struct {
	scope
	Name string `arg:"" help:"Login name."`
}

func (userUnlockCmd) Help() string { return "Example:\n  bestow user unlock alice@example.com" }

// Run unlocks the user.
func (c userUnlockCmd) Run(in *invocation) error {
	return in.on(c.scope, func(l *local) error {
		return in.printUser(l.Credentials.UnlockUser(in.ctx, l.by, credential.ByName(c.Name)))
	})
}

type userInviteCmd struct {
	scope
	Name       string        `arg:"" help:"Login name."`
	RP         string        `help:"Relying party; needed where there is more than one." name:"rp" placeholder:"ID"`
	Life       time.Duration `help:"How long the link works." default:"24h"`
	Additional bool          `help:"The user has a credential already and is to add another. Stands out in the audit trail."`
	Create     bool          `help:"Create the user first if there is none."`
}

func (userInviteCmd) Help() string {
	return `The link works once. Whoever holds it is taken for the user, so send it the way you
would send a password. A newer link cancels older ones.

Example:
  bestow user invite alice@example.com --life 2h`
}

// Run prints the link, which cannot be had again.
func (c userInviteCmd) Run(in *invocation) error {
	return in.on(c.scope, func(l *local) error {
		rp, err := l.pickRelyingParty(c.RP)
		if err != nil {
			return err
		}
		if c.Create {
			if _, err := l.Credentials.CreateUser(in.ctx, l.by, credential.NewUser{Name: c.Name}); err != nil && !errors.Is(err, credential.ErrUserExists) {
				return err
			}
		}
		invited, err := l.Credentials.Invite(in.ctx, l.by, credential.Invite{
			RelyingParty: rp, User: credential.ByName(c.Name), Life: c.Life, Additional: c.Additional,
		})
		if err != nil {
			return err
		}
		// The secret stands in the fragment, which browsers do not send: opening the page
		// spends nothing and writes it into nobody's log.
		link := l.EnrolURL() + "#" + invited.Secret
		doc := map[string]any{"link": link, "expires": invited.Invitation.Expires, "additional": invited.Invitation.Additional}
		return in.print(doc, func(w io.Writer) {
			fmt.Fprintln(w, link)
			fmt.Fprintf(w, "It works once, until %s.\n", cell(invited.Invitation.Expires))
		})
	})
}

type userExportCmd struct {
	scope
	Name string `arg:"" help:"Login name."`
}

func (userExportCmd) Help() string {
	return "Example:\n  bestow user export alice@example.com > alice.json"
}

// Run prints JSON.
func (c userExportCmd) Run(in *invocation) error {
	return in.on(c.scope, func(l *local) error {
		record, err := l.Credentials.ExportUser(in.ctx, l.by, credential.ByName(c.Name))
		if err != nil {
			return err
		}
		return in.printJSON(record)
	})
}

type userEraseCmd struct {
	scope
	Name string `arg:"" help:"Login name."`
	Yes  bool   `help:"Do it. Without this nothing is deleted."`
}

func (userEraseCmd) Help() string {
	return `Deletes the user, their credentials and what was kept about them. The audit trail
keeps opaque ids that then lead nowhere.

Example:
  bestow user erase alice@example.com --yes`
}

// Run deletes the user.
func (c userEraseCmd) Run(in *invocation) error {
	return in.on(c.scope, func(l *local) error {
		u, err := l.Credentials.User(in.ctx, l.by, credential.ByName(c.Name))
		if err != nil {
			return err
		}
		if !c.Yes {
			return fault.New(fault.Invalid, "confirm", fmt.Sprintf("This deletes %s (%s) for good. Say --yes to do it.", u.Name, u.DisplayName))
		}
		if err := l.Credentials.EraseUser(in.ctx, l.by, credential.ByID(u.ID)); err != nil {
			return err
		}
		return in.print(map[string]string{"erased": string(u.ID)}, func(w io.Writer) { fmt.Fprintln(w, "erased", u.Name) })
	})
}

type userImportCmd struct {
	scope
	File string `arg:"" help:"CSV file; - reads standard input."`
}

func (userImportCmd) Help() string {
	return `The first line names the columns: name, and where wanted displayName. Every other
column is refused, so that a wrong file does nothing. Users that exist are left as they
are; rows that cannot be used are listed with their line, and the others are created.

Example:
  printf 'name,displayName\nalice@example.com,Alice Example\n' | bestow user import -`
}

// Run imports the file. It ends with 1 if any row was refused.
func (c userImportCmd) Run(in *invocation) error {
	var input io.Reader = in.stdin
	if c.File != "-" {
		f, err := os.Open(c.File)
		if err != nil {
			return fault.New(fault.Invalid, "file", err.Error())
		}
		defer f.Close()
		input = f
	}
	rows, err := readUsersCSV(input)
	if err != nil {
		return err
	}
	return in.on(c.scope, func(l *local) error {
		return l.importUsers(rows)
	})
}
