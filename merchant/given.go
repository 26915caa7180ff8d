package merchant

import (
	"fmt"
	"strings"
)

// Give adds a setting of a dialect, written DIALECT.setting as commands take it,
// to what is given by dialects. Whether the dialect knows the setting, and
// whether it is a secret, is looked at when it is used.
func (all Dialects) Give(given map[string]Given, name, value string, secret bool) error {
	dialect, setting, ok := strings.Cut(name, ".")
	d, known := all.Find(dialect)
	switch {
	case !ok || setting == "":
		return fmt.Errorf("%q is no setting: write DIALECT.setting, such as pingpp.app", name)
	case !known:
		return fmt.Errorf("%s: there is no dialect %q; there are %s", name, dialect, strings.Join(all.Names(), ", "))
	case value == "":
		return fmt.Errorf("%s must not be empty", name)
	}
	if s, found := d.Setting(setting); found {
		setting = s.Name
	}
	one := given[dialect]
	values := &one.Settings
	if secret {
		values = &one.Secrets
	}
	if _, twice := (*values)[setting]; twice {
		return fmt.Errorf("%s is given twice", name)
	}
	if *values == nil {
		*values = make(map[string]string)
	}
	(*values)[setting] = value
	given[dialect] = one
	return nil
}
