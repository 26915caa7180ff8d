package merchant

import (
	"fmt"
	"slices"
)

// Setting describes one setting of an identity or of a channel account: what
// a dialect or a driver says of itself. Forms, help and checks are made from it.
type Setting struct {
	// Name is lower case with underscores, such as apiv3_key.
	Name string
	// Secret settings are sealed at rest and never shown.
	Secret bool
	// Required settings have no default and can't be absent.
	Required bool
	// Fixed settings are given once, when what they describe is made, and never
	// changed.
	Fixed bool
	// Whose settings say which account at the channel it is. Under another value the
	// channel may not know refunds that were sent before.
	Whose bool
	// Calls says that callers are known by it, such as a certificate: whoever sets it can
	// call as the identity. So it is with secrets.
	Calls bool
	// Default is what an absent setting stands for, "" for none.
	Default string
	// Meaning is one line for people.
	Meaning string
	// Check looks at the form of a value alone; nil accepts any text. Whether
	// values fit together is for the reader that uses them.
	Check func(value string) error
}

// FindSetting returns the description of a name.
func FindSetting(settings []Setting, name string) (Setting, bool) {
	at := slices.IndexFunc(settings, func(s Setting) bool { return s.Name == name })
	if at < 0 {
		return Setting{}, false
	}
	return settings[at], true
}

// CheckSettings holds values against their descriptions: every name is known
// and stands where it belongs (a secret among secrets), every required one is
// there, and every value has its form. The error names the first setting at
// fault, in the order of the descriptions. It never holds a value.
func CheckSettings(settings []Setting, public, secrets map[string]string) error {
	for _, names := range []struct {
		values map[string]string
		secret bool
	}{{public, false}, {secrets, true}} {
		for _, name := range sortedNames(names.values) {
			known, ok := FindSetting(settings, name)
			switch {
			case !ok:
				return fmt.Errorf("%s: no such setting", name)
			case known.Secret && !names.secret:
				return fmt.Errorf("%s is a secret; give it as one", name)
			case !known.Secret && names.secret:
				return fmt.Errorf("%s is no secret; give it as a setting", name)
			}
		}
	}
	for _, s := range settings {
		value, has := public[s.Name]
		if s.Secret {
			value, has = secrets[s.Name]
		}
		switch {
		case !has && s.Required:
			return fmt.Errorf("%s is required: %s", s.Name, s.Meaning)
		case !has, s.Check == nil:
			continue
		}
		if err := s.Check(value); err != nil {
			return fmt.Errorf("%s: %w", s.Name, err)
		}
	}
	return nil
}

func sortedNames(values map[string]string) []string {
	names := make([]string, 0, len(values))
	for name := range values {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
