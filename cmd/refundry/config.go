package main

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"reflect"
	"slices"
	"strings"

	"github.com/BurntSushi/toml"
	"github.com/alecthomas/kong"

	"github.com/refundry/refundry/secret"
)

// envPrefix begins the environment variables that are ours.
const envPrefix = "REFUNDRY_"

// settings are the flags that an environment variable and a file's key may
// give as well, by their name: those whose tag names a variable. A file may
// hold those of all commands, so that one file serves them all.
func settings() map[string]string {
	found := make(map[string]string)
	collectSettings(reflect.TypeFor[program](), found)
	return found
}

func collectSettings(t reflect.Type, found map[string]string) {
	for n := range t.NumField() {
		field := t.Field(n)
		if variable := field.Tag.Get("env"); variable != "" {
			name := strings.ReplaceAll(strings.ToLower(strings.TrimPrefix(variable, envPrefix)), "_", "-")
			found[name] = variable
		}
		if field.Type.Kind() == reflect.Struct {
			collectSettings(field.Type, found)
		}
	}
}

// dropEmpty takes empty variables away: what starts programs often sets those
// that it has no value for.
func dropEmpty() {
	for _, variable := range settings() {
		if value, set := os.LookupEnv(variable); set && value == "" {
			_ = os.Unsetenv(variable) // fails for no name of ours
		}
	}
}

// file is a TOML file's settings. Its keys are the flags' names.
type file struct {
	name   string
	values map[string]string
}

// readFile reads a file. A key that is no setting, or a value that is neither
// text, number, truth nor a list of such, is an error.
func readFile(name string) (file, error) {
	raw := make(map[string]any)
	if _, err := toml.DecodeFile(name, &raw); err != nil {
		if wrong := (toml.ParseError{}); errors.As(err, &wrong) {
			return file{}, fmt.Errorf("read configuration %s: line %d: %s", name, wrong.Position.Line, wrong.Message)
		}
		return file{}, fmt.Errorf("read configuration: %w", err)
	}
	known := settings()
	f := file{name: name, values: make(map[string]string, len(raw))}
	for _, key := range slices.Sorted(maps.Keys(raw)) {
		if _, ok := known[key]; !ok || key == "config" {
			return file{}, fmt.Errorf("configuration %s: unknown key %q (hint: keys are the flags' names: %s)",
				name, key, strings.Join(slices.DeleteFunc(slices.Sorted(maps.Keys(known)), func(k string) bool { return k == "config" }), ", "))
		}
		text, ok := settingText(raw[key])
		if !ok {
			return file{}, fmt.Errorf("configuration %s: %s is neither text, number, truth nor a list of such", name, key)
		}
		parts, isList := raw[key].([]any)
		if !isList {
			parts = []any{text}
		}
		for _, part := range parts {
			if err := wellGiven(key, fmt.Sprint(part)); err != nil {
				return file{}, fmt.Errorf("configuration %s: %w", name, err)
			}
		}
		f.values[key] = text
	}
	return f, nil
}

// settingText is a value as a flag would say it; lists are joined by commas.
func settingText(value any) (string, bool) {
	switch value := value.(type) {
	case string:
		return value, true
	case int64, bool:
		return fmt.Sprint(value), true
	case []any:
		parts := make([]string, len(value))
		for n, one := range value {
			text, ok := settingText(one)
			if _, nested := one.([]any); nested || !ok {
				return "", false
			}
			parts[n] = text
		}
		return strings.Join(parts, ","), true
	}
	return "", false
}

// Validate is part of kong.Resolver; readFile has checked the keys.
func (f file) Validate(*kong.Application) error { return nil }

// Resolve returns a flag's value from the file, unless its environment variable
// is set, which goes before it.
func (f file) Resolve(_ *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
	for _, variable := range flag.Envs {
		if _, set := os.LookupEnv(variable); set {
			return nil, nil
		}
	}
	if text, ok := f.values[flag.Name]; ok && len(flag.Envs) > 0 {
		return text, nil
	}
	return nil, nil
}

// unknownVariables finds variables with our prefix that mean nothing to us. A
// misspelt one is worth a warning and no more: other programs may use the
// prefix too.
func unknownVariables(environ []string) []string {
	known := map[string]bool{secret.Environment: true}
	for _, variable := range settings() {
		known[variable] = true
	}
	var unknown []string
	for _, pair := range environ {
		name, _, _ := strings.Cut(pair, "=")
		if strings.HasPrefix(name, envPrefix) && !known[name] {
			unknown = append(unknown, name)
		}
	}
	slices.Sort(unknown)
	return unknown
}
