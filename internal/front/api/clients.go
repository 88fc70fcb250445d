package api

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"bestow.dev/internal/tenant"
)

// Client is a program that may call.
type Client struct {
	ID             string      `json:"id"`
	Name           string      `json:"name"`
	Scopes         []string    `json:"scopes" nullable:"false"`
	RelyingParties []string    `json:"relyingParties" nullable:"false" doc:"Those its scopes hold for; all if empty"`
	Keys           []ClientKey `json:"keys" nullable:"false" doc:"Its secrets, of which only hashes are kept"`
	Disabled       bool        `json:"disabled"`
	Source         string      `json:"source" enum:"file,database" doc:"One from the configuration file can be changed there only"`
	Created        *time.Time  `json:"created,omitempty"`
}

// ClientKey is a secret of a client, without it.
type ClientKey struct {
	ID      string     `json:"id"`
	Created *time.Time `json:"created,omitempty"`
	Expires *time.Time `json:"expires,omitempty" doc:"Never, if left out"`
}

func fromClient(c *tenant.Client) Client {
	out := Client{
		ID: c.ID, Name: c.Name, RelyingParties: append([]string{}, c.RelyingParties...),
		Scopes:   each(c.Scopes, func(s *tenant.Scope) string { return string(*s) }),
		Keys:     each(c.Keys, fromKey),
		Disabled: c.Disabled, Source: string(c.Source), Created: unlessZero(c.Created),
	}
	return out
}

func fromKey(k *tenant.ClientKey) ClientKey {
	return ClientKey{ID: k.ID, Created: unlessZero(k.Created), Expires: unlessZero(k.Expires)}
}

// freshClient is a client with its secret.
type freshClient struct {
	Client
	Secret string `json:"secret" doc:"It cannot be had again"`
}

// freshKey is a client's new key with its secret.
type freshKey struct {
	ClientKey
	Secret string `json:"secret" doc:"It cannot be had again"`
}

// ClientPath is the path parameter of calls about one client.
type ClientPath struct {
	ID string `path:"id" doc:"The client's id"`
}

type newClient struct {
	Body struct {
		ID             string   `json:"id" minLength:"1" maxLength:"64" doc:"A-Z a-z 0-9 . _ @ - ; it never changes"`
		Name           string   `json:"name,omitempty" doc:"The id if left out"`
		Scopes         []string `json:"scopes" nullable:"false" minItems:"1" enum:"fido.provision,fido.read,fido.manage,fido.authenticate,users.write,audit.read,process.run,process.deploy,admin"`
		RelyingParties []string `json:"relyingParties,omitempty" nullable:"false" doc:"Those its scopes hold for; all if left out"`
	}
}

type clientChange struct {
	ClientPath
	Body struct {
		Disabled bool `json:"disabled" doc:"Refuse the client, and the access tokens it has, from now on"`
	}
}

type keyRotation struct {
	ClientPath
	Body struct {
		OverlapSeconds int `json:"overlapSeconds,omitempty" minimum:"0" maximum:"7776000" doc:"How long the secrets it had stay good; not at all if left out"`
	}
}

func (f *front) clients() {
	admin := scopes(tenant.ScopeAdmin)
	handle(f, huma.Operation{
		OperationID: "list-clients", Method: http.MethodGet, Path: "/clients", Tags: inSettings,
		Summary: "API clients by id", Security: admin,
	}, f.listClients)
	handle(f, huma.Operation{
		OperationID: "create-client", Method: http.MethodPost, Path: "/clients", Tags: inSettings, DefaultStatus: http.StatusCreated,
		Summary: "Make an API client, with a secret that is shown once", Security: admin,
	}, f.createClient)
	handle(f, huma.Operation{
		OperationID: "get-client", Method: http.MethodGet, Path: "/clients/{id}", Tags: inSettings,
		Summary: "One API client", Security: admin,
	}, f.getClient)
	handle(f, huma.Operation{
		OperationID: "change-client", Method: http.MethodPatch, Path: "/clients/{id}", Tags: inSettings,
		Summary: "Disable or enable an API client", Security: admin,
		Description: "Other rights are another client: make it, move over, and delete this one.",
	}, f.changeClient)
	handle(f, huma.Operation{
		OperationID: "delete-client", Method: http.MethodDelete, Path: "/clients/{id}", Tags: inSettings,
		Summary: "Delete an API client with its keys and access tokens", Security: admin,
	}, f.deleteClient)
	handle(f, huma.Operation{
		OperationID: "rotate-client-key", Method: http.MethodPost, Path: "/clients/{id}/keys", Tags: inSettings, DefaultStatus: http.StatusCreated,
		Summary: "Give an API client a new secret", Security: admin,
	}, f.rotateKey)
}

func (f *front) listClients(ctx context.Context, by tenant.Authority, in *Paging) (*answer[page[Client]], error) {
	all, err := f.Directory.Clients(ctx, by)
	if err != nil {
		return nil, err
	}
	list, err := cut(all, *in, func(c *tenant.Client) string { return c.ID }, fromClient)
	return &answer[page[Client]]{list}, err
}

func (f *front) createClient(ctx context.Context, by tenant.Authority, in *newClient) (*created[freshClient], error) {
	n := tenant.NewClient{ID: in.Body.ID, Name: in.Body.Name, RelyingParties: in.Body.RelyingParties}
	for _, s := range in.Body.Scopes {
		n.Scopes = append(n.Scopes, tenant.Scope(s))
	}
	c, secret, err := f.Directory.CreateClient(ctx, by, n)
	if err != nil {
		return nil, err
	}
	return &created[freshClient]{Prefix + "/clients/" + c.ID, freshClient{fromClient(c), secret}}, nil
}

func (f *front) getClient(ctx context.Context, by tenant.Authority, in *ClientPath) (*answer[Client], error) {
	c, err := f.Directory.Client(ctx, by, in.ID)
	if err != nil {
		return nil, err
	}
	return &answer[Client]{fromClient(c)}, nil
}

func (f *front) changeClient(ctx context.Context, by tenant.Authority, in *clientChange) (*answer[Client], error) {
	set := f.Directory.EnableClient
	if in.Body.Disabled {
		set = f.Directory.DisableClient
	}
	if err := set(ctx, by, in.ID); err != nil {
		return nil, err
	}
	return f.getClient(ctx, by, &in.ClientPath)
}

func (f *front) deleteClient(ctx context.Context, by tenant.Authority, in *ClientPath) (*nothing, error) {
	return &nothing{}, f.Directory.DeleteClient(ctx, by, in.ID)
}

func (f *front) rotateKey(ctx context.Context, by tenant.Authority, in *keyRotation) (*answer[freshKey], error) {
	secret, key, err := f.Directory.RotateClientKey(ctx, by, in.ID, seconds(in.Body.OverlapSeconds))
	if err != nil {
		return nil, err
	}
	return &answer[freshKey]{freshKey{fromKey(&key), secret}}, nil
}
