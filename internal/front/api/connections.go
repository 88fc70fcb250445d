package api

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"bestow.dev/internal/provision"
	"bestow.dev/internal/tenant"
)

// Connection is how processes reach a relying party that provisions credentials.
type Connection struct {
	Name        string    `json:"name" doc:"Tasks refer to it"`
	Description string    `json:"description"`
	Kind        string    `json:"kind" enum:"digital-access"`
	URL         string    `json:"url" doc:"Base of /fido and /oauth2, or internal: and a relying party of ours"`
	ClientID    string    `json:"clientId,omitempty" doc:"Who we are there"`
	HasSecret   bool      `json:"hasSecret" doc:"Its secret is known; it is never shown"`
	Version     int64     `json:"version" doc:"Counts changes, from 1"`
	Changed     time.Time `json:"changed"`
	ChangedBy   string    `json:"changedBy" doc:"Such as client:ops"`
}

func fromConnection(c *provision.Connection) Connection {
	return Connection{
		Name: c.Name, Description: c.Description, Kind: string(c.Kind), URL: c.URL, ClientID: c.ClientID,
		HasSecret: c.HasSecret, Version: c.Version, Changed: c.Changed, ChangedBy: c.ChangedBy,
	}
}

// ConnectionPath is the path parameter of calls about one connection.
type ConnectionPath struct {
	Name string `path:"name" doc:"The connection's name"`
}

type connectionPut struct {
	ConnectionPath
	Body struct {
		Description string `json:"description,omitempty"`
		Kind        string `json:"kind,omitempty" enum:"digital-access" doc:"digital-access if left out"`
		URL         string `json:"url" doc:"https base of /fido and /oauth2; or internal: and a relying party of ours, which may be left out where there is one only"`
		ClientID    string `json:"clientId,omitempty" doc:"Who we are there"`
		Secret      string `json:"secret,omitempty" writeOnly:"true" doc:"Of the client. Left out: the one there is stays, unless the server or client is another one from now on"`
		Version     int64  `json:"version,omitempty" minimum:"1" doc:"The version that is to be changed; any if left out"`
	}
}

// tested is what came of trying a setting.
type tested struct {
	Reached bool   `json:"reached" doc:"Somebody answered"`
	LetIn   bool   `json:"letIn" doc:"And takes our secret"`
	State   string `json:"state,omitempty" doc:"That a relay says it is in, such as UP"`
	Problem string `json:"problem,omitempty" doc:"For people; left out if all is well"`
}

// answerTested answers with what came of a test, or why there was none.
func answerTested(t *provision.Tested, err error) (*answer[tested], error) {
	if err != nil {
		return nil, err
	}
	return &answer[tested]{tested(*t)}, nil
}

func (f *front) connections() {
	admin := scopes(tenant.ScopeAdmin)
	handle(f, huma.Operation{
		OperationID: "list-connections", Method: http.MethodGet, Path: "/connections", Tags: inSettings,
		Summary: "How processes reach relying parties, by name", Security: admin,
	}, f.listConnections)
	handle(f, huma.Operation{
		OperationID: "get-connection", Method: http.MethodGet, Path: "/connections/{name}", Tags: inSettings,
		Summary: "One connection", Security: admin,
	}, f.getConnection)
	handle(f, huma.Operation{
		OperationID: "put-connection", Method: http.MethodPut, Path: "/connections/{name}", Tags: inSettings,
		Summary: "Make a connection, or change it", Security: admin,
		Description: "Its settings become those of the body, with the default for each that is left out, but for the secret. " +
			"With a version, connection.version is the answer where it is another by now.",
	}, f.putConnection)
	handle(f, huma.Operation{
		OperationID: "delete-connection", Method: http.MethodDelete, Path: "/connections/{name}", Tags: inSettings,
		Summary: "Delete a connection with its secret", Security: admin,
		Description: "Tasks that name it fail from then on.",
	}, f.deleteConnection)
	handle(f, huma.Operation{
		OperationID: "test-connection", Method: http.MethodPost, Path: "/connections/{name}/test", Tags: inSettings,
		Summary: "Ask the relying party whether we are let in", Security: admin,
	}, f.testConnection)
}

func (f *front) listConnections(ctx context.Context, by tenant.Authority, in *Paging) (*answer[page[Connection]], error) {
	all, err := f.Provision.Connections(ctx, by)
	if err != nil {
		return nil, err
	}
	list, err := cut(all, *in, func(c *provision.Connection) string { return c.Name }, fromConnection)
	return &answer[page[Connection]]{list}, err
}

func (f *front) getConnection(ctx context.Context, by tenant.Authority, in *ConnectionPath) (*answer[Connection], error) {
	c, err := f.Provision.Connection(ctx, by, in.Name)
	if err != nil {
		return nil, err
	}
	return &answer[Connection]{fromConnection(c)}, nil
}

func (f *front) putConnection(ctx context.Context, by tenant.Authority, in *connectionPut) (*answer[Connection], error) {
	b := &in.Body
	c, err := f.Provision.PutConnection(ctx, by, provision.Connection{
		Name: in.Name, Description: b.Description, Kind: provision.ConnectionKind(b.Kind), URL: b.URL, ClientID: b.ClientID, Version: b.Version,
	}, b.Secret)
	if err != nil {
		return nil, err
	}
	return &answer[Connection]{fromConnection(c)}, nil
}

func (f *front) deleteConnection(ctx context.Context, by tenant.Authority, in *ConnectionPath) (*nothing, error) {
	return &nothing{}, f.Provision.DeleteConnection(ctx, by, in.Name)
}

func (f *front) testConnection(ctx context.Context, by tenant.Authority, in *ConnectionPath) (*answer[tested], error) {
	return answerTested(f.Provision.TestConnection(ctx, by, in.Name))
}
