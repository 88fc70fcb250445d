package console

import (
	"net/http"

	"bestow.dev/internal/audit"
	"bestow.dev/internal/credential"
	"bestow.dev/internal/tenant"
)

// homeRefusals is how many of the latest refusals the first page shows.
const homeRefusals = 8

type homePage struct {
	Name, DisplayName string
	Role              string
	Until             string
	Counts            credential.Counts
	Audits            bool // the role reads the audit trail
	Refusals          []eventRow
}

// home says who one is, and what there is.
func (c *Console) home(w http.ResponseWriter, r *http.Request, o *Operator) error {
	p := homePage{
		Name: o.Name, DisplayName: o.DisplayName, Role: string(o.Role),
		Until: o.Expires.UTC().Format("15:04"), Audits: o.May(tenant.ScopeAuditRead),
	}
	var err error
	if p.Counts, err = c.Credentials.Counts(r.Context(), o.By); err != nil {
		return err
	}
	if p.Audits {
		events, err := tenant.AuditEvents(r.Context(), c.Trail, o.By, audit.Query{Refused: true, Newest: true, Limit: homeRefusals})
		if err != nil {
			return err
		}
		if p.Refusals, err = c.rows(r.Context(), o.By, events); err != nil {
			return err
		}
	}
	return o.Show(w, View{Pages: pages, Name: "home.html", Title: "home.title", Data: p})
}

// operators lists who holds which role.
func (c *Console) operators(w http.ResponseWriter, r *http.Request, o *Operator) error {
	list, err := c.Credentials.Operators(r.Context(), o.By)
	if err != nil {
		return err
	}
	return o.Show(w, View{Pages: pages, Name: "operators.html", Title: "operators.title", Data: list})
}
