package processes

import (
	"html/template"
	"net/http"
	"strconv"

	"bestow.dev/internal/bpmn"
	"bestow.dev/internal/console"
	"bestow.dev/internal/process"
	"bestow.dev/internal/tenant"
)

type versionRow struct {
	process.Version
	By console.Party
}

type definitionsPage struct {
	Versions  []versionRow
	MayDeploy bool
}

// definitions lists the newest version of each process.
func (d *door) definitions(w http.ResponseWriter, r *http.Request, o *console.Operator) error {
	list, err := d.Processes.Definitions(r.Context(), o.By)
	if err != nil {
		return err
	}
	p := definitionsPage{MayDeploy: o.May(tenant.ScopeProcessDeploy)}
	if p.Versions, err = versionRows(r, o.Names(), list); err != nil {
		return err
	}
	return show(w, o, console.View{Name: "definitions.html", Title: "definitions.title", Data: p})
}

func versionRows(r *http.Request, names *console.Names, list []process.Version) (rows []versionRow, err error) {
	for _, v := range list {
		row := versionRow{Version: v}
		if row.By, err = names.Actor(r.Context(), v.DeployedBy.String()); err != nil {
			return nil, err
		}
		rows = append(rows, row)
	}
	return rows, nil
}

type definitionPage struct {
	Version       versionRow
	Documentation string
	Newest        bool
	Picture       template.HTML
	Warnings      []*bpmn.DefinitionError
	Versions      []versionRow
	Tasks         []element // what service tasks there are
	MayDeploy     bool
	Deployed      string // "new" or "same" just after it was deployed
}

type element struct{ ID, Name, Does string }

// definition shows a version with its picture; the newest where none is asked for.
func (d *door) definition(w http.ResponseWriter, r *http.Request, o *console.Operator) error {
	ctx, key := r.Context(), r.PathValue("key")
	number, err := versionNumber(r)
	if err != nil {
		return err
	}
	v, err := d.Processes.Definition(ctx, o.By, key, number)
	if err != nil {
		return err
	}
	parsed, err := d.Processes.Parsed(ctx, o.By, key, v.Version)
	if err != nil {
		return err
	}
	all, err := d.Processes.Versions(ctx, o.By, key)
	if err != nil {
		return err
	}
	p := definitionPage{
		Documentation: parsed.Documentation, Warnings: parsed.Warnings, MayDeploy: o.May(tenant.ScopeProcessDeploy),
		Picture: draw(o, parsed, bpmn.Picture{}),
	}
	if p.Versions, err = versionRows(r, o.Names(), all); err != nil {
		return err
	}
	for i, row := range p.Versions {
		if row.Version.Version == v.Version {
			p.Version, p.Newest = row, i == 0
		}
	}
	for _, id := range parsed.Order {
		e := parsed.Elements[id]
		switch {
		case e.Work != nil:
			p.Tasks = append(p.Tasks, element{id, nameOf(parsed, id), e.Work.Task})
		case e.Call != nil:
			p.Tasks = append(p.Tasks, element{id, nameOf(parsed, id), e.Call.Process})
		}
	}
	if how := r.URL.Query().Get("deployed"); how == "new" || how == "same" {
		p.Deployed = how
	}
	return show(w, o, console.View{Name: "definition.html", Title: "definition.title", Data: p})
}

// versionNumber is the version that a page is asked for; zero for the newest.
func versionNumber(r *http.Request) (int, error) {
	text := r.URL.Query().Get("version")
	if text == "" {
		return 0, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		return 0, process.ErrDefinitionUnknown
	}
	return n, nil
}

// definitionText gives a version's file, as it was deployed.
func (d *door) definitionText(w http.ResponseWriter, r *http.Request, o *console.Operator) error {
	number, err := versionNumber(r)
	if err != nil {
		return err
	}
	v, err := d.Processes.Definition(r.Context(), o.By, r.PathValue("key"), number)
	if err != nil {
		return err
	}
	h := w.Header()
	h.Set("Content-Type", "application/xml")
	h.Set("Content-Disposition", `attachment; filename="`+safeName(v.Key)+"-"+strconv.Itoa(v.Version)+`.bpmn"`)
	h.Set("Content-Security-Policy", "default-src 'none'; sandbox")
	h.Set("Cache-Control", "no-store")
	_, _ = w.Write(v.XML) // the peer may be gone; there is nobody to tell
	return nil
}

// safeName returns a name that a header and a file system take.
func safeName(key string) string {
	name := []byte(key)
	for i, c := range name {
		if (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') && c != '-' && c != '_' {
			name[i] = '_'
		}
	}
	return string(name)
}
