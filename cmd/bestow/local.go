package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/user"
	"strings"
	"text/tabwriter"
	"time"

	"bestow.dev/internal/config"
	"bestow.dev/internal/fault"
	"bestow.dev/internal/tenant"
	"bestow.dev/internal/wiring"
)

// scope is what the verbs that administer a tenant have in common.
type scope struct {
	Tenant   string `help:"Tenant; needed where there is more than one." placeholder:"NAME"`
	TestData bool   `help:"If this makes the data directory, make it one for tests." name:"test-data" hidden:""`
}

// local is an open database and who works on it.
type local struct {
	*wiring.App
	cfg *config.Config
	by  tenant.Authority
	in  *invocation
}

// open opens the database through the domain, as the local user: whoever may read
// and write the data directory may administer it, and every change is audited as
// theirs. The caller closes it.
func (in *invocation) open(s scope) (*local, error) {
	cfg, err := in.load(nil)
	if err != nil {
		return nil, err
	}
	cfg.TestData = s.TestData
	app, err := wiring.Open(in.ctx, cfg, wiring.Options{Log: wiring.NewLog(in.stderr, config.Log{Level: "warn", Format: "text"})})
	if err != nil {
		return nil, err
	}
	name, err := pickTenant(in, app, s.Tenant)
	if err != nil {
		app.Close()
		return nil, err
	}
	return &local{App: app, cfg: cfg, by: tenant.LocalOperator(name, localUser()), in: in}, nil
}

// on opens the database for as long as do runs.
func (in *invocation) on(s scope, do func(l *local) error) error {
	l, err := in.open(s)
	if err != nil {
		return err
	}
	return errors.Join(do(l), l.Close())
}

// pickTenant returns the tenant that was named, or the only one there is.
func pickTenant(in *invocation, app *wiring.App, named string) (string, error) {
	tenants, err := app.Directory.Tenants(in.ctx)
	if err != nil {
		return "", err
	}
	var names []string
	for _, t := range tenants {
		if t.Name == named {
			return named, nil
		}
		names = append(names, t.Name)
	}
	switch {
	case named != "":
		return "", fault.New(fault.Invalid, "tenant.unknown", fmt.Sprintf("There is no tenant %q; there is %s.", named, strings.Join(names, ", ")))
	case len(names) != 1:
		return "", fault.New(fault.Invalid, "tenant.required", "Say which tenant with --tenant: "+strings.Join(names, ", ")+".")
	}
	return names[0], nil
}

// pickRelyingParty returns the relying party that was named, or the only one there is.
func (l *local) pickRelyingParty(named string) (string, error) {
	if named != "" {
		return named, nil
	}
	rps, err := l.Directory.RelyingParties(l.in.ctx, l.by.Tenant)
	if err != nil {
		return "", err
	}
	var ids []string
	for _, rp := range rps {
		ids = append(ids, rp.ID)
	}
	if len(ids) != 1 {
		return "", fault.New(fault.Invalid, "rp.required", "Say which relying party with --rp: "+strings.Join(ids, ", ")+".")
	}
	return ids[0], nil
}

// localUser is the name of whoever runs the program, for the audit trail. sudo keeps
// the name of the person behind it.
func localUser() string {
	if name := os.Getenv("SUDO_USER"); name != "" {
		return name
	}
	u, err := user.Current()
	if err != nil {
		return "unknown"
	}
	return u.Username
}

// print shows v as JSON if that was asked for, and by table otherwise.
func (in *invocation) print(v any, table func(w io.Writer)) error {
	if in.program.JSON {
		return in.printJSON(v)
	}
	w := tabwriter.NewWriter(in.stdout, 0, 4, 2, ' ', 0)
	table(w)
	return w.Flush()
}

func (in *invocation) printJSON(v any) error {
	enc := json.NewEncoder(in.stdout)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	return enc.Encode(v)
}

// row prints one line of a table.
func row(w io.Writer, cells ...any) {
	for i, c := range cells {
		if i > 0 {
			fmt.Fprint(w, "\t")
		}
		fmt.Fprint(w, cell(c))
	}
	fmt.Fprintln(w)
}

func cell(v any) string {
	switch v := v.(type) {
	case time.Time:
		if v.IsZero() {
			return "-"
		}
		return v.Local().Format("2006-01-02 15:04:05")
	case bool:
		if v {
			return "yes"
		}
		return "no"
	case string:
		if v == "" {
			return "-"
		}
		return v
	default:
		return fmt.Sprint(v)
	}
}

// when is a time in JSON: RFC 3339, or absent.
func when(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

// day is a date in JSON and tables; empty for none.
func day(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.DateOnly)
}
