package api

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html/template"
	"net/http"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"bestow.dev/internal/tenant"
	"bestow.dev/internal/web"
)

// The tags that operations are grouped by, and each group as an operation names it.
var (
	tags = []*huma.Tag{
		{Name: "users", Description: "People who may have credentials"},
		{Name: "ceremonies", Description: "Registering a credential and signing in with it"},
		{Name: "credentials", Description: "What was registered"},
		{Name: "policies", Description: "Which authenticators are welcome"},
		{Name: "processes", Description: "Identity processes: definitions, their runs, and people's tasks in them"},
		{Name: "settings", Description: "Relying parties, API clients, and what processes reach other servers by"},
		{Name: "audit", Description: "The audit trail"},
		{Name: "access", Description: "Access tokens"},
	}
	inUsers       = []string{"users"}
	inCeremonies  = []string{"ceremonies"}
	inCredentials = []string{"credentials"}
	inPolicies    = []string{"policies"}
	inProcesses   = []string{"processes"}
	inSettings    = []string{"settings"}
	inAudit       = []string{"audit"}
	inAccess      = []string{"access"}
)

// scopeMeanings says what each scope is for.
var scopeMeanings = map[tenant.Scope]string{
	tenant.ScopeProvision:    "Make creation options and store credentials on behalf of a user",
	tenant.ScopeRead:         "Read users, credentials and policies",
	tenant.ScopeManage:       "Rename, suspend and delete credentials",
	tenant.ScopeAuthenticate: "Make request options and verify assertions",
	tenant.ScopeUsersWrite:   "Create, change, invite and erase users",
	tenant.ScopeAuditRead:    "Read the audit trail",

	tenant.ScopeProcessRun:    "Start, list, cancel and mend identity processes; make links to people's tasks",
	tenant.ScopeProcessDeploy: "Deploy definitions of identity processes",

	tenant.ScopeAdmin: "Everything: API clients, relying parties, policies, connections and messaging servers included",
}

func securitySchemes() map[string]*huma.SecurityScheme {
	all := map[string]string{}
	for scope, meaning := range scopeMeanings {
		all[string(scope)] = meaning
	}
	return map[string]*huma.SecurityScheme{
		"basic": {Type: "http", Scheme: "basic", Description: "The API client's id and secret"},
		"oauth2": {Type: "oauth2", Flows: &huma.OAuthFlows{
			ClientCredentials: &huma.OAuthFlow{TokenURL: Prefix + "/oauth2/token", Scopes: all},
		}},
	}
}

// scopes is the security of an operation that needs any of the scopes given.
func scopes(any ...tenant.Scope) []map[string][]string {
	basic := map[string][]string{"basic": {}}
	if len(any) == 0 {
		return []map[string][]string{basic, {"oauth2": {}}}
	}
	list := []map[string][]string{basic}
	for _, s := range any {
		list = append(list, map[string][]string{"oauth2": {string(s)}})
	}
	return list
}

// allScopes is the security of an operation that needs all of the scopes given.
func allScopes(all ...tenant.Scope) []map[string][]string {
	names := make([]string, len(all))
	for i, s := range all {
		names[i] = string(s)
	}
	return []map[string][]string{{"basic": {}}, {"oauth2": names}}
}

// accessTokens mounts the token endpoint, whose words are RFC 6749's and not ours,
// and describes it.
func (f *front) accessTokens(mux *http.ServeMux) {
	mux.Handle("POST "+Prefix+"/oauth2/token", &web.TokenEndpoint{Callers: f.callers})
	text := &huma.Schema{Type: huma.TypeString}
	f.api.OpenAPI().AddOperation(&huma.Operation{
		OperationID: "access-token", Method: http.MethodPost, Path: "/oauth2/token", Tags: inAccess,
		Summary:     "An access token for ten minutes, by the client credentials grant",
		Description: "RFC 6749, section 4.4. The client authenticates by HTTP Basic or in the body, never in the URL.",
		Security:    []map[string][]string{{"basic": {}}, {}},
		RequestBody: &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{
			"application/x-www-form-urlencoded": {Schema: &huma.Schema{
				Type: huma.TypeObject, Required: []string{"grant_type"},
				Properties: map[string]*huma.Schema{
					"grant_type": {Type: huma.TypeString, Enum: []any{"client_credentials"}}, "scope": text, "client_id": text, "client_secret": text,
				},
			}},
		}},
		Responses: map[string]*huma.Response{
			"200": {Description: "The token", Content: map[string]*huma.MediaType{"application/json": {Schema: &huma.Schema{
				Type: huma.TypeObject, Required: []string{"access_token", "token_type", "expires_in", "scope"},
				Properties: map[string]*huma.Schema{
					"access_token": text, "token_type": text, "expires_in": {Type: huma.TypeInteger}, "scope": text,
				},
			}}}},
			"default": {Description: "A refusal of RFC 6749, section 5.2", Content: map[string]*huma.MediaType{"application/json": {Schema: &huma.Schema{
				Type: huma.TypeObject, Required: []string{"error"},
				Properties: map[string]*huma.Schema{"error": text, "error_description": text},
			}}}},
		},
	})
}

// describe mounts what describes the door: for programs, and for people.
func (f *front) describe(mux *http.ServeMux) error {
	document, err := json.MarshalIndent(f.api.OpenAPI(), "", " ")
	if err != nil {
		return err
	}
	var manual bytes.Buffer
	if err := manualPage.Execute(&manual, chapters(f.api.OpenAPI())); err != nil {
		return err
	}
	mux.HandleFunc("GET "+Prefix+"/openapi.json", static("application/openapi+json", document))
	mux.HandleFunc("GET "+Prefix+"/docs", static("text/html; charset=utf-8", manual.Bytes()))
	// RFC 9457 §3.1.1: whoever follows the type of a problem should find out about it.
	mux.Handle("GET "+Prefix+"/problems/{code}", http.RedirectHandler(Prefix+"/docs#refusals", http.StatusSeeOther))
	return nil
}

// static serves what says nothing about anybody.
func static(mediaType string, body []byte) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		h := w.Header()
		h.Set("Content-Type", mediaType)
		h.Set("Cache-Control", "no-cache")
		h.Set("Content-Security-Policy", manualPolicy)
		_, _ = w.Write(body) // the peer may be gone; there is nobody to tell
	}
}

//go:embed manual.css
var manualStyle string

//go:embed manual.html
var manualText string

// manualPolicy lets the page have its own style and nothing else.
var manualPolicy = fmt.Sprintf("default-src 'none'; style-src 'sha256-%s'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'", styleHash())

func styleHash() string {
	sum := sha256.Sum256([]byte(manualStyle))
	return base64.StdEncoding.EncodeToString(sum[:])
}

var manualPage = template.Must(template.New("manual").Funcs(template.FuncMap{
	"style": func() template.CSS { return template.CSS(manualStyle) },
}).Parse(manualText))

// chapter is a group of operations in the manual.
type chapter struct {
	Name, Description string
	Operations        []*huma.Operation
}

// chapters returns the operations as people read them.
func chapters(doc *huma.OpenAPI) []chapter {
	list := make([]chapter, len(doc.Tags))
	for i, tag := range doc.Tags {
		list[i] = chapter{Name: tag.Name, Description: tag.Description}
	}
	for _, path := range doc.Paths {
		for _, op := range []*huma.Operation{path.Get, path.Post, path.Put, path.Patch, path.Delete} {
			if op == nil {
				continue
			}
			i := slices.IndexFunc(list, func(c chapter) bool { return slices.Contains(op.Tags, c.Name) })
			list[i].Operations = append(list[i].Operations, op)
		}
	}
	for _, c := range list {
		slices.SortFunc(c.Operations, func(a, b *huma.Operation) int {
			return strings.Compare(a.Path+" "+a.Method, b.Path+" "+b.Method)
		})
	}
	return list
}
