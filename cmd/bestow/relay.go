package main

import (
	"bytes"
	"crypto/subtle"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"bestow.dev/internal/config"
	"bestow.dev/internal/fault"
	"bestow.dev/internal/localca"
	"bestow.dev/internal/relay"
	"bestow.dev/internal/wiring"
)

type relayCmd struct {
	Send   relaySendCmd   `cmd:"" help:"Send a command, as an API user would."`
	Poll   relayPollCmd   `cmd:"" help:"Ask where a command is."`
	Listen relayListenCmd `cmd:"" help:"Receive callbacks and print them."`
}

// relayCaller is how the verbs reach a relay: by default the one of the configuration
// file, as its first client.
type relayCaller struct {
	URL     string `help:"Command URL of the relay." placeholder:"URL"`
	Client  string `help:"Client id; the first of the file otherwise." placeholder:"ID"`
	KeyFile string `help:"File that holds the client's key." placeholder:"FILE" type:"path"`
	CAFile  string `help:"Certificates to trust beside the system's." name:"ca-file" placeholder:"FILE" type:"path"`
}

// connection is a caller that is ready to call.
type connection struct {
	url    string
	apiKey string
	http   *http.Client
}

const relayTimeout = 15 * time.Second

func (c relayCaller) connect(in *invocation) (*connection, error) {
	cfg, err := in.load(nil)
	if err != nil {
		return nil, err
	}
	if err := c.fromConfig(cfg); err != nil {
		return nil, err
	}
	id, key, err := c.key(cfg)
	if err != nil {
		return nil, err
	}
	roots, err := x509.SystemCertPool()
	if err != nil {
		roots = x509.NewCertPool()
	}
	if c.CAFile != "" {
		text, err := os.ReadFile(c.CAFile)
		if err != nil || !roots.AppendCertsFromPEM(text) {
			return nil, fault.New(fault.Invalid, "ca-file", "--ca-file does not hold a certificate that can be read.")
		}
	}
	return &connection{
		url:    strings.TrimSuffix(c.URL, "/"),
		apiKey: base64.StdEncoding.EncodeToString([]byte(id + ":" + key)),
		http: &http.Client{
			Timeout: relayTimeout,
			// A redirect would take the key along to wherever it leads.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
			Transport:     &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}},
		},
	}, nil
}

// fromConfig fills in what was not said.
func (c *relayCaller) fromConfig(cfg *config.Config) error {
	h := cfg.Fronts.Hermod
	if c.URL == "" {
		if h == nil {
			return fault.New(fault.Invalid, "url", "Say which relay with --url, or name a configuration file that has one.")
		}
		c.URL = wiring.ConfiguredURL(cfg) + h.URIBase + "/command"
	}
	if local := filepath.Join(wiring.TLSDir(cfg), localca.CAFile); c.CAFile == "" && cfg.TLS.CertFile == "" {
		if _, err := os.Stat(local); err == nil {
			c.CAFile = local
		}
	}
	return nil
}

func (c *relayCaller) key(cfg *config.Config) (id, key string, err error) {
	if c.KeyFile != "" && c.Client != "" {
		text, err := os.ReadFile(c.KeyFile)
		if err != nil {
			return "", "", fault.New(fault.Invalid, "key-file", err.Error())
		}
		return c.Client, strings.TrimSpace(string(text)), nil
	}
	if h := cfg.Fronts.Hermod; h != nil {
		for _, cl := range h.AllowedClients {
			if c.Client == "" || c.Client == cl.ClientID {
				return cl.ClientID, cl.Keys[0], nil
			}
		}
	}
	return "", "", fault.New(fault.Invalid, "client", "Say who calls with --client and --key-file, or name a configuration file that has a relay client.")
}

// call sends one request and prints the answer.
func (c *connection) call(in *invocation, method, path string, body []byte) error {
	req, err := http.NewRequestWithContext(in.ctx, method, c.url+path, bytes.NewReader(body))
	if err != nil {
		return fault.New(fault.Invalid, "url", "--url is not a URL.")
	}
	req.Header.Set("X-Api-Key", c.apiKey)
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return fault.New(fault.Unavailable, "relay.unreachable", "The relay cannot be reached: "+unwrapURL(err).Error()+".")
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		return fault.New(fault.Rejected, "relay.refused", fmt.Sprintf("The relay answered %s: %s", resp.Status, bytes.TrimSpace(text)))
	}
	var pretty bytes.Buffer
	if json.Indent(&pretty, bytes.TrimSpace(text), "", "  ") != nil {
		pretty.Reset()
		pretty.Write(text)
	}
	_, err = fmt.Fprintln(in.stdout, pretty.String())
	return err
}

// unwrapURL drops the URL that net/http puts before its errors.
func unwrapURL(err error) error {
	if e, ok := errors.AsType[*url.Error](err); ok {
		return e.Err
	}
	return err
}

type relaySendCmd struct {
	relayCaller
	Command    string   `arg:"" help:"sessionstart, sessionend, fidogetinfo, fidocreatecredential, ping, sign, authenticate, provision, certificate or delete."`
	Object     string   `help:"Command object in JSON; - reads standard input." default:"{}" placeholder:"JSON"`
	To         []string `help:"Destination: @tmp, a box id or @user/ID." placeholder:"DEST"`
	Lifespan   int64    `help:"Seconds the command can be polled." default:"300"`
	Timeout    int64    `help:"Seconds the command can be answered; 0 is the lifespan."`
	ExternalID string   `help:"Your own id of the command." placeholder:"TEXT"`
}

func (relaySendCmd) Help() string {
	return `Examples:
  bestow relay send sessionstart --config bestow.yaml --timeout 60
  bestow relay send ping --to 6f0f3a52-2b0e-4c7e-9d0a-3a51f2c7d911 --object '{"deviceinfo":true}'`
}

// Run sends the command and prints the receipt.
func (c relaySendCmd) Run(in *invocation) error {
	kind, err := relay.KindNamed(c.Command)
	if err != nil {
		return fault.New(fault.Invalid, "command", "There is no command "+c.Command+"; see --help.")
	}
	object := []byte(c.Object)
	if c.Object == "-" {
		if object, err = io.ReadAll(io.LimitReader(in.stdin, 1<<20)); err != nil {
			return err
		}
	}
	if !json.Valid(object) {
		return fault.New(fault.Invalid, "object", "--object is not JSON.")
	}
	header := map[string]any{"lifespan": c.Lifespan, "timeout": c.Timeout}
	if c.Timeout == 0 {
		header["timeout"] = c.Lifespan
	}
	if len(c.To) > 0 {
		header["to"] = c.To
	}
	if c.ExternalID != "" {
		header["externalId"] = c.ExternalID
	}
	body, err := json.Marshal(map[string]any{"commandHeader": header, kind.Object: json.RawMessage(object)})
	if err != nil {
		return err
	}
	conn, err := c.connect(in)
	if err != nil {
		return err
	}
	return conn.call(in, http.MethodPost, "/"+kind.Name, body)
}

type relayPollCmd struct {
	relayCaller
	ID string `arg:"" help:"The command's id."`
}

func (relayPollCmd) Help() string { return "Example:\n  bestow relay poll 1042 --config bestow.yaml" }

// Run prints where the command is.
func (c relayPollCmd) Run(in *invocation) error {
	if _, err := relay.ParseCommandID(c.ID); err != nil {
		return fault.New(fault.Invalid, "id", "A command id is a decimal number.")
	}
	conn, err := c.connect(in)
	if err != nil {
		return err
	}
	return conn.call(in, http.MethodGet, "/"+c.ID, nil)
}

type relayListenCmd struct {
	Address      string `arg:"" help:"Where to listen." default:"127.0.0.1:9099"`
	User         string `help:"User name that callbacks have to bring." placeholder:"NAME"`
	PasswordFile string `help:"File that holds their password." placeholder:"FILE" type:"path"`
	Count        int    `help:"End after so many callbacks; 0 goes on."`
}

func (relayListenCmd) Help() string {
	return `Prints each callback as one line of JSON: its name and its body. For trying out; set the
client's callback-url to http://ADDRESS.

Example:
  bestow relay listen 127.0.0.1:9099 --count 1`
}

// Run serves until it has had enough callbacks or is stopped.
func (c relayListenCmd) Run(in *invocation) error {
	var password string
	if c.PasswordFile != "" {
		text, err := os.ReadFile(c.PasswordFile)
		if err != nil {
			return fault.New(fault.Invalid, "password-file", err.Error())
		}
		password = strings.TrimSpace(string(text))
	}
	listener, err := net.Listen("tcp", c.Address)
	if err != nil {
		return fault.New(fault.Unavailable, "listen", err.Error())
	}
	fmt.Fprintf(in.stderr, "callback-url: http://%s\n", listener.Addr())
	lines := make(chan []byte)
	mux := http.NewServeMux()
	mux.HandleFunc("GET /callback/alive", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) })
	mux.HandleFunc("POST /callback/{name}", func(w http.ResponseWriter, r *http.Request) {
		user, given, _ := r.BasicAuth()
		if c.User != "" && (user != c.User || subtle.ConstantTimeCompare([]byte(given), []byte(password)) != 1) {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<20))
		line, bad := json.Marshal(map[string]any{"callback": r.PathValue("name"), "body": json.RawMessage(body)})
		if err != nil || bad != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		select {
		case lines <- line:
		case <-in.ctx.Done():
		}
	})
	server := &http.Server{Handler: mux, ReadHeaderTimeout: relayTimeout, ReadTimeout: relayTimeout}
	go func() { _ = server.Serve(listener) }() // ends with Close
	defer server.Close()
	for n := 0; c.Count == 0 || n < c.Count; n++ {
		select {
		case line := <-lines:
			fmt.Fprintf(in.stdout, "%s\n", line)
		case <-in.ctx.Done():
			return nil
		}
	}
	// The last caller is waiting for its answer.
	return server.Shutdown(in.ctx)
}
