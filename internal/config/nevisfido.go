package config

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"os/exec"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-viper/mapstructure/v2"
	"github.com/knadh/koanf/parsers/yaml"
	"github.com/knadh/koanf/providers/confmap"
	"github.com/knadh/koanf/providers/file"
	"github.com/knadh/koanf/v2"
)

// Nevisfido is what there is in a nevisfido.yml beside what has a key of its own below
// fronts.nevis.
type Nevisfido struct {
	RelyingParty RelyingParty // ID, Name, Origins and Algorithms, as far as they are given
	Path         string       // as the configuration file names it
	Exec         bool         // whether it says there that commands are run
	Unused       []string     // paths of the properties that do nothing here
}

// nevisfidoFile is the properties of a nevisfido.yml that are looked at. As there, a bad
// value of one stops the start, and what is not here is passed over. That is also how
// passwords, and the commands that print them, are left alone.
type nevisfidoFile struct {
	Server struct {
		Protocol          string        `koanf:"protocol"`
		Port              *int          `koanf:"port"`
		ConnectionTimeout time.Duration `koanf:"connection-timeout"`
		TLS               struct {
			RequireClientAuth bool `koanf:"require-client-auth"`
		} `koanf:"tls"`
	} `koanf:"server"`
	Management struct {
		Server struct {
			Port *int `koanf:"port"`
		} `koanf:"server"`
		Healthchecks struct {
			Type string `koanf:"type"`
		} `koanf:"healthchecks"`
	} `koanf:"management"`
	FIDO2 struct {
		Enabled             *bool    `koanf:"enabled"`
		RPID                string   `koanf:"rp-id"`
		RPName              string   `koanf:"rp-name"`
		Origins             []string `koanf:"origins"`
		SignatureAlgorithms []string `koanf:"signature-algorithms"`
		Timeout             struct {
			UserVerification   *time.Duration `koanf:"user-verification"`
			NoUserVerification *time.Duration `koanf:"no-user-verification"`
		} `koanf:"timeout"`
		DisplayNameSource string `koanf:"display-name-source"`
	} `koanf:"fido2"`
	UAF struct {
		Enabled bool `koanf:"enabled"`
	} `koanf:"fido-uaf"`
	CredentialRepository struct {
		Type          string `koanf:"type"`
		ClientID      string `koanf:"client-id"`
		UserAttribute string `koanf:"user-attribute"`
	} `koanf:"credential-repository"`
	SessionRepository struct {
		Type string `koanf:"type"`
	} `koanf:"session-repository"`
}

// nevisfidoUsed are the properties that mean something here.
var nevisfidoUsed = []string{
	"fido2.enabled", "fido2.rp-id", "fido2.rp-name", "fido2.origins", "fido2.signature-algorithms",
	"fido2.timeout.user-verification", "fido2.timeout.no-user-verification",
	"management.server.port", "credential-repository.user-attribute",
}

// nevisfidoChecked are those of which nothing but the values is looked at.
var nevisfidoChecked = []string{
	"server.protocol", "server.port", "server.connection-timeout", "server.tls.require-client-auth",
	"management.healthchecks.type", "fido2.display-name-source", "fido-uaf.enabled",
	"credential-repository.type", "session-repository.type",
}

// nevisfidoClientID is used where nevisIDM's paths are open.
const nevisfidoClientID = "credential-repository.client-id"

// nevisfidoAlgorithms are the COSE algorithms by their names there, but for RS1: it signs
// with SHA-1.
var nevisfidoAlgorithms = map[string]int32{
	"ES256": -7, "EdDSA": -8, "ES384": -35, "ES512": -36, "RS256": -257, "RS384": -258, "RS512": -259,
}

// nevisfidoAttributes are the values of user-attribute by its values there.
var nevisfidoAttributes = map[string]string{"": "", "loginId": "name", "extId": "id"}

// nevisfidoReader reads a nevisfido.yml that our own file names.
type nevisfidoReader struct {
	ours    *koanf.Koanf // our own file, which stands above it
	environ []string
	mayRun  bool // whether ${exec:…} is run
}

// load reads the file into k, and returns what has no key there. Errors name the property.
func (r *nevisfidoReader) load(k *koanf.Koanf, path string) (*Nevisfido, error) {
	theirs := koanf.New(".")
	if err := theirs.Load(file.Provider(path), yaml.Parser()); err != nil {
		return nil, errors.New(quoted.ReplaceAllString(err.Error(), "a value"))
	}
	if err := r.resolve(theirs); err != nil {
		return nil, err
	}
	var f nevisfidoFile
	err := theirs.UnmarshalWithConf("", &f, koanf.UnmarshalConf{
		DecoderConfig: &mapstructure.DecoderConfig{
			TagName: "koanf", Result: &f, WeaklyTypedInput: true, // what a placeholder stands for is text
			DecodeHook: mapstructure.ComposeDecodeHookFunc(splitList, bareSeconds, mapstructure.StringToTimeDurationHookFunc()),
		},
	})
	if err != nil {
		return nil, describe(err)
	}
	openIDM := r.ours.Exists("fronts.nevis.idm")
	keys, err := f.keys(openIDM, r.ours.Exists("fronts.nevis.user-attribute"))
	if err != nil {
		return nil, err
	}
	rp, err := f.relyingParty()
	if err != nil {
		return nil, err
	}
	made := &Nevisfido{RelyingParty: rp}
	for _, name := range slices.Sorted(maps.Keys(theirs.All())) {
		if !slices.Contains(nevisfidoUsed, name) && (name != nevisfidoClientID || !openIDM) {
			made.Unused = append(made.Unused, name)
		}
	}
	return made, k.Load(confmap.Provider(keys, "."), nil)
}

// keys returns what the file says by the keys of our own.
func (f *nevisfidoFile) keys(openIDM, attributeGiven bool) (map[string]any, error) {
	if err := f.check(); err != nil {
		return nil, err
	}
	keys := map[string]any{}
	set := func(key string, value any) { keys["fronts.nevis."+key] = value }
	if f.FIDO2.RPID != "" {
		set("relying-party", f.FIDO2.RPID)
	}
	if t := f.FIDO2.Timeout.UserVerification; t != nil {
		set("timeout.user-verification", *t)
	}
	if t := f.FIDO2.Timeout.NoUserVerification; t != nil {
		set("timeout.no-user-verification", *t)
	}
	if port := f.Management.Server.Port; port != nil {
		set("management.listen", net.JoinHostPort("127.0.0.1", strconv.Itoa(*port)))
	}
	if id := f.CredentialRepository.ClientID; id != "" && openIDM {
		set("idm.client-ext-id", id)
	}
	if attributeGiven {
		return keys, nil
	}
	switch attribute, ok := nevisfidoAttributes[f.CredentialRepository.UserAttribute]; {
	case !ok:
		return nil, errors.New("credential-repository.user-attribute: users are known here by loginId or extId; set fronts.nevis.user-attribute, which counts instead")
	case attribute != "":
		set("user-attribute", attribute)
	}
	return keys, nil
}

// check refuses values that the file may not have, and what would not be served as it says.
func (f *nevisfidoFile) check() error {
	for _, choice := range []struct {
		name, value string
		of          []string
	}{
		{"server.protocol", f.Server.Protocol, []string{"http", "https"}},
		{"management.healthchecks.type", f.Management.Healthchecks.Type, []string{"custom", "spring-boot"}},
		{"fido2.display-name-source", f.FIDO2.DisplayNameSource, []string{"request", "repository"}},
		{"credential-repository.type", f.CredentialRepository.Type, []string{"nevisidm"}},
		{"session-repository.type", f.SessionRepository.Type, []string{"in-memory", "sql"}},
	} {
		if choice.value != "" && !slices.Contains(choice.of, choice.value) {
			return fmt.Errorf("%s: %q is none of %v", choice.name, choice.value, choice.of)
		}
	}
	for name, port := range map[string]*int{"server.port": f.Server.Port, "management.server.port": f.Management.Server.Port} {
		if port != nil && (*port < 1 || *port > 65535) {
			return fmt.Errorf("%s: want 1 to 65535", name)
		}
	}
	if f.FIDO2.Enabled != nil && !*f.FIDO2.Enabled {
		return errors.New("fido2.enabled: is false, and nothing else is served here; leave out fronts.nevis")
	}
	return nil
}

func (f *nevisfidoFile) relyingParty() (RelyingParty, error) {
	rp := RelyingParty{ID: f.FIDO2.RPID, Name: f.FIDO2.RPName, Origins: f.FIDO2.Origins}
	for _, name := range f.FIDO2.SignatureAlgorithms {
		alg, ok := nevisfidoAlgorithms[name]
		if !ok {
			return rp, fmt.Errorf("fido2.signature-algorithms: %q is none of %v", name, slices.Sorted(maps.Keys(nevisfidoAlgorithms)))
		}
		rp.Algorithms = append(rp.Algorithms, alg)
	}
	return rp, nil
}

// placeholder stands in a value for what a variable of the environment holds, or a command
// prints.
var placeholder = regexp.MustCompile(`\$\{(env|exec):([^}]*)\}`)

// resolve puts what placeholders stand for in their places, in the properties that are
// looked at and in no others.
func (r *nevisfidoReader) resolve(theirs *koanf.Koanf) error {
	for _, name := range slices.Concat(nevisfidoUsed, nevisfidoChecked, []string{nevisfidoClientID}) {
		var stands any
		var err error
		switch value := theirs.Get(name).(type) {
		case string:
			stands, err = r.stands(value)
		case []any:
			list := slices.Clone(value)
			for i := range list {
				if text, ok := list[i].(string); ok && err == nil {
					list[i], err = r.stands(text)
				}
			}
			stands = list
		default:
			continue
		}
		if err == nil {
			err = theirs.Set(name, stands)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

// stands returns text with what its placeholders stand for. What that holds is no
// placeholder.
func (r *nevisfidoReader) stands(text string) (string, error) {
	var wrong error
	text = placeholder.ReplaceAllStringFunc(text, func(found string) string {
		parts := placeholder.FindStringSubmatch(found)
		stands, err := r.look(parts[1], parts[2])
		wrong = errors.Join(wrong, err)
		return stands
	})
	return text, wrong
}

func (r *nevisfidoReader) look(where, what string) (string, error) {
	if where == "env" {
		for _, variable := range r.environ {
			if value, ok := strings.CutPrefix(variable, what+"="); ok {
				return value, nil
			}
		}
		return "", fmt.Errorf("the environment has no %s", what)
	}
	if strings.Contains(what, "{") {
		return "", errors.New("a command with a brace is cut off at its end; put it into a script")
	}
	if !r.mayRun {
		return "", errors.New("a command is not run unless fronts.nevis.nevisfido-exec is true")
	}
	ctx, cancel := context.WithTimeout(context.Background(), execTimeout)
	defer cancel()
	command := exec.CommandContext(ctx, "/bin/sh", "-c", what)
	command.WaitDelay = time.Second // for what it started and left behind
	printed, err := command.Output()
	if err != nil {
		return "", fmt.Errorf("a command of it did not end well: %w", err)
	}
	return strings.TrimRight(string(printed), "\r\n"), nil
}

// execTimeout is how long a command of a placeholder may take.
const execTimeout = 10 * time.Second

// bareSeconds reads a number without a unit as seconds, where a duration is wanted.
func bareSeconds(_, to reflect.Type, value any) (any, error) {
	if to != reflect.TypeFor[time.Duration]() {
		return value, nil
	}
	text := fmt.Sprint(value)
	if _, err := strconv.ParseUint(text, 10, 31); err != nil {
		return value, nil
	}
	return text + "s", nil
}

// joinNevisfido gives the relying party of the nevis front what the nevisfido.yml says of
// it. One that the tenant does not have is made.
func (c *Config) joinNevisfido() error {
	n := c.Fronts.Nevis
	if n == nil || n.Nevisfido == nil {
		return nil
	}
	t, err := c.tenantOf(&n.Tenant)
	if err != nil {
		return fmt.Errorf("fronts.nevis.%w", err)
	}
	said := n.Nevisfido.RelyingParty
	if said.ID != "" && said.ID != n.RelyingParty {
		return fmt.Errorf("fronts.nevis.relying-party: %q is not fido2.rp-id of the nevisfido-file", n.RelyingParty)
	}
	i := slices.IndexFunc(t.RelyingParties, func(rp RelyingParty) bool { return rp.ID == n.RelyingParty })
	if i < 0 {
		if said.ID != "" {
			t.RelyingParties = append(t.RelyingParties, said)
		}
		return nil
	}
	if key := t.RelyingParties[i].join(said); key != "" {
		return fmt.Errorf("fronts.nevis.nevisfido-file: it has other %s of relying party %s than tenant %s; leave them out in one of the two", key, n.RelyingParty, t.Name)
	}
	return nil
}

// join fills in what rp leaves out; it returns the key of what is said otherwise.
func (rp *RelyingParty) join(said RelyingParty) (otherwise string) {
	switch {
	case rp.Name != "" && said.Name != "" && rp.Name != said.Name:
		return "name"
	case len(rp.Origins) > 0 && len(said.Origins) > 0 && !slices.Equal(slices.Sorted(slices.Values(rp.Origins)), slices.Sorted(slices.Values(said.Origins))):
		return "origins"
	case len(rp.Algorithms) > 0 && len(said.Algorithms) > 0 && !slices.Equal(rp.Algorithms, said.Algorithms):
		return "algorithms"
	}
	if rp.Name == "" {
		rp.Name = said.Name
	}
	if len(rp.Origins) == 0 {
		rp.Origins = said.Origins
	}
	if len(rp.Algorithms) == 0 {
		rp.Algorithms = said.Algorithms
	}
	return ""
}
