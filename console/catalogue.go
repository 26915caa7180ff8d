package console

import (
	"embed"
	"fmt"
	"io/fs"
	"strings"

	"github.com/BurntSushi/toml"
)

//go:embed catalogue
var catalogueFiles embed.FS

// entry is a text in each language, with verbs of fmt for its arguments; One is
// the English one where the first argument is 1.
type entry struct {
	En  string `toml:"en"`
	Zh  string `toml:"zh"`
	One string `toml:"one"`
}

// catalogue are all texts of the console by their keys, such as "login.title".
type catalogue map[string]entry

// loadCatalogue reads the files of the catalogue: in login.toml, the table
// [title] is the key login.title.
func loadCatalogue() catalogue {
	texts := catalogue{}
	names, err := fs.Glob(catalogueFiles, "catalogue/*.toml")
	if err != nil {
		panic(err)
	}
	for _, name := range names {
		file := map[string]entry{}
		if _, err := toml.DecodeFS(catalogueFiles, name, &file); err != nil {
			panic(fmt.Sprintf("read %s: %v", name, err))
		}
		prefix := strings.TrimSuffix(strings.TrimPrefix(name, "catalogue/"), ".toml")
		for key, one := range file {
			texts[prefix+"."+key] = one
		}
	}
	return texts
}

// has reports whether there is a text.
func (c catalogue) has(key string) bool {
	_, ok := c[key]
	return ok
}

// text is a text in a language. A key that is not there is shown as it is.
func (c catalogue) text(language, key string, args ...any) string {
	one, ok := c[key]
	if !ok {
		return key
	}
	text := one.En
	switch {
	case language == "zh":
		text = one.Zh
	case one.One != "" && len(args) > 0 && fmt.Sprint(args[0]) == "1":
		text = one.One
	}
	if len(args) == 0 {
		return text
	}
	return fmt.Sprintf(text, args...)
}
