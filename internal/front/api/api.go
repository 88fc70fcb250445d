// Package api is our own door: users, invitations, credentials and both ceremonies,
// identity processes and people's tasks in them, relying parties, API clients, what
// processes reach other servers by, and the audit trail, under /api/v1.
//
// It is what the other doors stand beside: their vendors' shapes add no ability that
// is not here. The document that describes it, OpenAPI 3.1, is made from the code and
// served at /api/v1/openapi.json; /api/v1/docs is the same for people.
//
// A caller is an API client, with its secret by HTTP Basic or with an access token of
// POST /api/v1/oauth2/token. What it may do is for the domain to say: the door reads
// a request, makes one call, and writes the answer. Refusals are problem documents
// (RFC 9457) whose code is the domain's, so that every cause has its own name. Lists
// come in pages: items, and in next the cursor of the page after, absent on the last.
//
// Each resource has a file with its documents, its calls and the translation between
// them; api.go, gate.go and problem.go are what they share. Documents that are part
// of others are exported, because the OpenAPI library sees no other embedded types;
// they are for this package all the same.
package api

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"bestow.dev/internal/audit"
	"bestow.dev/internal/credential"
	"bestow.dev/internal/process"
	"bestow.dev/internal/provision"
	"bestow.dev/internal/strictjson"
	"bestow.dev/internal/tenant"
	"bestow.dev/internal/web"
)

// Prefix is where the door's paths begin.
const Prefix = "/api/v1"

// Config is what the door is made of. The services are required.
type Config struct {
	Credentials *credential.Service
	Directory   *tenant.Directory
	Trail       audit.Store
	Processes   *process.Service
	Provision   *provision.Service

	// InvitationURL is the address of the enrolment page up to where the secret of an
	// invitation goes, such as "https://id.example.com/enrol#". Empty: invitations are
	// answered without a link.
	InvitationURL string

	// TaskURL is the address of the page of people's tasks up to where the secret of a
	// link goes, such as "https://id.example.com/task#". Empty: links to tasks are
	// answered as secrets alone.
	TaskURL string

	// Now is the clock of the limits on failed attempts; nil is [time.Now].
	Now func() time.Time
}

// via names this door in the audit trail.
const via = "api"

type front struct {
	Config
	api     huma.API
	callers *web.Callers

	previewing chan struct{} // has room for as many previews as may be under way
}

// New returns the door. Its paths begin with [Prefix]; it answers 404 to all others.
// It returns an error if c lacks what is required.
func New(c Config) (http.Handler, error) {
	if c.Credentials == nil || c.Directory == nil || c.Trail == nil || c.Processes == nil || c.Provision == nil {
		return nil, errors.New("api: the door needs its services")
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	mux := http.NewServeMux()
	f := &front{
		Config:  c,
		api:     huma.NewAPI(settings(), humago.NewAdapter(mux, Prefix)),
		callers: web.NewCallers(c.Directory, via, c.Now),

		previewing: make(chan struct{}, maxPreviews),
	}
	f.api.UseMiddleware(f.gate)
	f.users()
	f.invitations()
	f.credentials()
	f.signals()
	f.decisions()
	f.policies()
	f.registrations()
	f.authentications()
	f.processDefinitions()
	f.processRuns()
	f.processJobs()
	f.userTasks()
	f.connections()
	f.messagingServers()
	f.relyingParties()
	f.clients()
	f.auditEvents()
	f.accessTokens(mux)
	if err := f.describe(mux); err != nil {
		return nil, err
	}
	return web.Routes(mux, writeProblem), nil
}

// settings are those of the OpenAPI library, without its document, pages and schema
// links: it would fetch scripts from elsewhere, and we serve our own.
func settings() huma.Config {
	return huma.Config{
		OpenAPI: &huma.OpenAPI{
			OpenAPI: "3.1.0",
			Info: &huma.Info{
				Title:   "Bestow",
				Version: "1",
				Description: "Gives people their FIDO credentials. Refusals are RFC 9457 problem documents; " +
					"lists come in pages, whose next is the cursor of the page after.",
			},
			Servers: []*huma.Server{{URL: Prefix}},
			Tags:    tags,
			Components: &huma.Components{
				Schemas:         huma.NewMapRegistry("#/components/schemas/", huma.DefaultSchemaNamer),
				SecuritySchemes: securitySchemes(),
			},
		},
		// "json" is how the library looks up what ends in +json: problem documents.
		Formats:                      map[string]huma.Format{"application/json": jsonFormat, "json": jsonFormat},
		DefaultFormat:                "application/json",
		RejectUnknownQueryParameters: true,
	}
}

// jsonFormat reads as every door does: no member twice and none unknown.
var jsonFormat = huma.Format{
	Marshal: func(w io.Writer, v any) error { return json.NewEncoder(w).Encode(v) },
	Unmarshal: func(data []byte, v any) error {
		return strictjson.Decode(data, v, strictjson.DisallowUnknown())
	},
}

// call is an operation's handler: the caller's authority and input in, output or a
// fault out.
type call[I, O any] func(ctx context.Context, by tenant.Authority, in *I) (*O, error)

// handle mounts serve as an operation.
func handle[I, O any](f *front, op huma.Operation, serve call[I, O]) {
	if op.MaxBodyBytes == 0 {
		op.MaxBodyBytes = web.MaxBodyBytes
	}
	op.MaxBodyBytes++       // the gate has read the body by then, and less of it
	op.BodyReadTimeout = -1 // for the same reason
	huma.Register(f.api, op, func(ctx context.Context, in *I) (*O, error) {
		out, err := serve(ctx, authorityOf(ctx), in)
		if err != nil {
			return nil, problemOf(ctx, err)
		}
		return out, nil
	})
}

// nothing is the input, or output, of an operation that has none.
type nothing struct{}

// answer is the output of an operation that answers with a document.
type answer[T any] struct {
	Body T
}

// created is the output of an operation that made something.
type created[T any] struct {
	Location string `header:"Location" doc:"Where it is from now on"`
	Body     T
}
