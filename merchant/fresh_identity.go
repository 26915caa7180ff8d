package merchant

import (
	"fmt"
	"maps"
	"slices"
	"time"
)

// NewIdentities makes identities of a merchant in the dialect. What is given
// exists already; the rest is made up. The error names the setting at fault as
// DIALECT.setting.
func (d Dialect) NewIdentities(r Request) ([]Identity, error) {
	given, now := r.Given, r.Now
	if err := d.checkGiven(given); err != nil {
		return nil, fmt.Errorf("%s.%w", d.Name, err)
	}
	if d.Make == nil {
		return nil, nil
	}
	made, err := d.Make(r)
	if err != nil {
		return nil, fmt.Errorf("%s.%w", d.Name, err)
	}
	for n := range made {
		i := &made[n]
		i.Dialect, i.MerchantID, i.CreatedAt = d.Name, r.Merchant.ID, now
		for _, s := range d.Settings {
			value, ok := given.Settings[s.Name]
			if s.Fixed || !ok {
				continue
			}
			i.Public = over(i.Public, map[string]string{s.Name: value})
		}
		for _, s := range d.Settings {
			value, ok := given.Secrets[s.Name]
			if s.Fixed || !ok {
				continue
			}
			i.Secrets = over(i.Secrets, map[string]string{s.Name: value})
		}
		if d.Derive != nil && i.Public != nil {
			d.Derive(i.Public)
		}
		if d.Check == nil {
			continue
		}
		if err := d.Check(*i, given, now); err != nil {
			return nil, fmt.Errorf("%s.%w", d.Name, err)
		}
	}
	return made, nil
}

// checkGiven holds what is given against the descriptions. Nothing is required:
// what is absent is made up.
func (d Dialect) checkGiven(given Given) error {
	if err := d.checkMoved(given); err != nil {
		return err
	}
	settings := slices.Clone(d.Settings)
	for n := range settings {
		settings[n].Required = false
	}
	return CheckSettings(settings, given.Settings, given.Secrets)
}

// Change returns an identity with some settings and secrets changed; "" takes
// one away. The error names the setting at fault.
func (d Dialect) Change(i Identity, set Given, at time.Time) (Identity, error) {
	forms := Given{Settings: filled(set.Settings), Secrets: filled(set.Secrets)}
	if err := d.checkGiven(forms); err != nil {
		return i, err
	}
	for _, values := range []map[string]string{set.Settings, set.Secrets} {
		for _, name := range sortedNames(values) {
			s, ok := FindSetting(d.Settings, name)
			_, moved := d.FindMoved(name)
			switch {
			case moved: // it is taken away: any value was refused
			case !ok:
				return i, fmt.Errorf("%s: no such setting", name)
			case s.Fixed:
				return i, fmt.Errorf("%s can't be changed once it is there", name)
			case s.Required && values[name] == "":
				return i, fmt.Errorf("%s must not be empty", name)
			}
		}
	}
	public := maps.Clone(set.Settings)
	if d.Derive != nil && public != nil {
		d.Derive(public)
	}
	i.Public, i.Secrets = over(i.Public, public), over(i.Secrets, set.Secrets)
	if d.Check == nil {
		return i, nil
	}
	return i, d.Check(i, set, at)
}

// filled are the values that are not empty.
func filled(values map[string]string) map[string]string {
	values = maps.Clone(values)
	maps.DeleteFunc(values, func(_, value string) bool { return value == "" })
	return values
}
