package config

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/go-viper/mapstructure/v2"
	"github.com/knadh/koanf/parsers/yaml"
	"github.com/knadh/koanf/providers/confmap"
	"github.com/knadh/koanf/providers/env/v2"
	"github.com/knadh/koanf/providers/file"
	"github.com/knadh/koanf/v2"
)

// Sources says where a configuration comes from; each stands above the one before.
type Sources struct {
	File    string         // path of the YAML file; empty: none
	Environ []string       // as [os.Environ]; only BESTOW_… is read
	Flags   map[string]any // by key path, such as "listen"; only what was given
}

// EnvPrefix begins the environment's names: BESTOW_PUBLIC_URL is public-url, and two
// underscores step down, so that BESTOW_LOG__LEVEL is log.level.
const EnvPrefix = "BESTOW_"

// notConfiguration are names of the environment that begin like ours and mean
// something else: the file itself, and where tests find vectors.
var notConfiguration = []string{"BESTOW_CONFIG", "BESTOW_VECTORS"}

// testPrefix begins the names that steer tests.
const testPrefix = EnvPrefix + "TEST_"

// Load reads and checks a configuration. Every error names the key's path.
func Load(from Sources) (*Config, error) {
	k := koanf.New(".")
	if err := k.Load(confmap.Provider(defaults(), "."), nil); err != nil {
		return nil, err
	}
	base := "."
	var theirs *Nevisfido
	if from.File != "" {
		base = filepath.Dir(from.File)
		var err error
		if theirs, err = loadFile(k, from); err != nil {
			return nil, err
		}
	}
	if err := loadEnvironment(k, from.Environ); err != nil {
		return nil, err
	}
	if err := k.Load(confmap.Provider(from.Flags, "."), nil); err != nil {
		return nil, err
	}
	return decode(k, base, theirs)
}

// quoted is what the YAML parser repeats of a file, which may be a file of keys that was
// named by mistake.
var quoted = regexp.MustCompile("`[^`]*`")

// loadFile reads the file into k, and below it a nevisfido.yml that it may name.
func loadFile(k *koanf.Koanf, from Sources) (*Nevisfido, error) {
	path, inFile := from.File, koanf.New(".")
	if err := inFile.Load(file.Provider(path), yaml.Parser()); err != nil {
		if errors.Is(err, os.ErrNotExist) {
			return nil, fmt.Errorf("configuration file %s does not exist", path)
		}
		return nil, fmt.Errorf("%s: %s", path, quoted.ReplaceAllString(err.Error(), "a value"))
	}
	root := inFile.Raw()
	if err := kebabHermod(root); err != nil {
		return nil, err
	}
	for front, defaults := range map[string]func() map[string]any{
		"hermod": hermodDefaults, "onewelcome": oneWelcomeDefaults, "nevis": nevisDefaults,
	} {
		if !inFile.Exists("fronts." + front) {
			continue
		}
		if err := k.Load(confmap.Provider(defaults(), "."), nil); err != nil {
			return nil, err
		}
	}
	theirs, err := loadNevisfido(k, inFile, from)
	if err != nil {
		return nil, fmt.Errorf("fronts.nevis.nevisfido-file: %w", err)
	}
	return theirs, k.Load(confmap.Provider(root, ""), nil)
}

// loadNevisfido reads the nevisfido.yml that inFile names; nil if it names none.
func loadNevisfido(k, inFile *koanf.Koanf, from Sources) (*Nevisfido, error) {
	path := inFile.String("fronts.nevis.nevisfido-file")
	if path == "" {
		return nil, nil
	}
	if !filepath.IsAbs(path) {
		path = filepath.Join(filepath.Dir(from.File), path)
	}
	r := nevisfidoReader{ours: inFile, environ: from.Environ, mayRun: inFile.Bool("fronts.nevis.nevisfido-exec")}
	made, err := r.load(k, path)
	if err != nil {
		return nil, err
	}
	made.Path, made.Exec = inFile.String("fronts.nevis.nevisfido-file"), r.mayRun
	return made, nil
}

func loadEnvironment(k *koanf.Koanf, environ []string) error {
	return k.Load(env.Provider(".", env.Opt{
		Prefix:      EnvPrefix,
		EnvironFunc: func() []string { return environ },
		TransformFunc: func(name, value string) (string, any) {
			if slices.Contains(notConfiguration, name) || strings.HasPrefix(name, testPrefix) {
				return "", nil
			}
			path := strings.ToLower(strings.TrimPrefix(name, EnvPrefix))
			path = strings.ReplaceAll(path, "__", ".")
			return strings.ReplaceAll(path, "_", "-"), value
		},
	}), nil)
}

func decode(k *koanf.Koanf, base string, theirs *Nevisfido) (*Config, error) {
	var c Config
	err := k.UnmarshalWithConf("", &c, koanf.UnmarshalConf{
		DecoderConfig: &mapstructure.DecoderConfig{
			TagName:          "koanf",
			Result:           &c,
			ErrorUnused:      true,
			WeaklyTypedInput: true, // the environment has only strings
			DecodeHook: mapstructure.ComposeDecodeHookFunc(
				mapstructure.StringToTimeDurationHookFunc(),
				onlyDurationStrings,
				splitList,
				parsePrefix,
			),
		},
	})
	if err != nil {
		return nil, describe(err)
	}
	if c.Fronts.Nevis != nil {
		c.Fronts.Nevis.Nevisfido = theirs
	}
	if err := c.complete(base); err != nil {
		return nil, err
	}
	return &c, nil
}

// describe turns the decoder's lists into lines that begin with the key's path.
func describe(err error) error {
	text := err.Error()
	text = strings.ReplaceAll(text, "'' has invalid keys:", "unknown keys:")
	text = strings.ReplaceAll(text, "has invalid keys:", "has unknown keys:")
	return errors.New(strings.TrimSpace(text))
}

// splitList takes a list apart that the environment can only give as one text.
func splitList(_, to reflect.Type, value any) (any, error) {
	text, ok := value.(string)
	if !ok || to.Kind() != reflect.Slice || to.Elem().Kind() == reflect.Uint8 {
		return value, nil
	}
	if text == "" {
		return []string{}, nil
	}
	return strings.Split(text, ","), nil
}

// parsePrefix reads a network, or a single address as a network of one.
func parsePrefix(from, to reflect.Type, value any) (any, error) {
	text, ok := value.(string)
	if !ok || to != reflect.TypeFor[netip.Prefix]() {
		return value, nil
	}
	if p, err := netip.ParsePrefix(text); err == nil {
		return p.Masked(), nil
	}
	a, err := netip.ParseAddr(text)
	if err != nil {
		return nil, fmt.Errorf("%q is neither an address nor a network", text)
	}
	return netip.PrefixFrom(a, a.BitLen()), nil
}

// onlyDurationStrings refuses bare numbers for durations: 300 would be 300 ns.
func onlyDurationStrings(from, to reflect.Type, value any) (any, error) {
	if to != reflect.TypeFor[time.Duration]() || from == to {
		return value, nil
	}
	return nil, fmt.Errorf("write a duration with its unit, such as 300s or 5m, not %v", value)
}

// kebabHermod rewrites the keys of fronts.hermod from camelCase to kebab-case, in
// place, so that a section copied from either generation of Smart ID Messaging works.
// A key given in both spellings is an error: which one counts would be a guess.
func kebabHermod(root map[string]any) error {
	fronts, ok := root["fronts"].(map[string]any)
	if !ok {
		return nil
	}
	hermod, ok := fronts["hermod"].(map[string]any)
	if !ok {
		return nil
	}
	renamed, err := kebabKeys("fronts.hermod", hermod)
	if err != nil {
		return err
	}
	fronts["hermod"] = renamed
	return nil
}

func kebabKeys(path string, value any) (any, error) {
	switch v := value.(type) {
	case map[string]any:
		out := make(map[string]any, len(v))
		for key, inner := range v {
			name := kebab(key)
			if _, twice := out[name]; twice {
				return nil, fmt.Errorf("%s.%s is given in both spellings", path, name)
			}
			renamed, err := kebabKeys(path+"."+name, inner)
			if err != nil {
				return nil, err
			}
			out[name] = renamed
		}
		return out, nil
	case []any:
		out := make([]any, len(v))
		for i, inner := range v {
			renamed, err := kebabKeys(fmt.Sprintf("%s[%d]", path, i), inner)
			if err != nil {
				return nil, err
			}
			out[i] = renamed
		}
		return out, nil
	default:
		return value, nil
	}
}

// kebab turns callbackBasicAuth into callback-basic-auth. A run of capitals is one
// word, as in publicURL.
func kebab(key string) string {
	var b strings.Builder
	lower := false
	for _, r := range key {
		upper := r >= 'A' && r <= 'Z'
		if upper && lower {
			b.WriteByte('-')
		}
		if upper {
			r += 'a' - 'A'
		}
		lower = !upper && r != '-'
		b.WriteRune(r)
	}
	return b.String()
}
