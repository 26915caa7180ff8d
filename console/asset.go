package console

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"io/fs"
	"net/http"
	"path"
	"strings"
	"sync"
)

//go:embed asset
var assetFiles embed.FS

// assetPath is where assets are served. Their names have a hash of their content,
// so that browsers keep them for good.
const assetPath = "/console/asset/"

type asset struct {
	kind   string
	plain  []byte
	packed func() []byte // packed when it is first asked for
}

type assets struct {
	// addresses are by file name, files by the last part of the address.
	addresses map[string]string
	files     map[string]asset
}

var assetKinds = map[string]string{
	".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml",
}

func loadAssets() assets {
	a := assets{map[string]string{}, map[string]asset{}}
	err := fs.WalkDir(assetFiles, "asset", func(name string, entry fs.DirEntry, err error) error {
		kind := assetKinds[path.Ext(name)]
		if err != nil || entry.IsDir() || kind == "" {
			return err
		}
		text, err := assetFiles.ReadFile(name)
		if err != nil {
			return err
		}
		hash := sha256.Sum256(text)
		base, ext := path.Base(name), path.Ext(name)
		served := strings.TrimSuffix(base, ext) + "." + hex.EncodeToString(hash[:6]) + ext
		a.addresses[base] = assetPath + served
		a.files[served] = asset{kind, text, sync.OnceValue(func() []byte { return packed(text) })}
		return nil
	})
	if err != nil {
		panic("read embedded assets: " + err.Error())
	}
	return a
}

func packed(text []byte) []byte {
	var out bytes.Buffer
	w, _ := gzip.NewWriterLevel(&out, gzip.BestCompression)
	_, _ = w.Write(text) // into memory
	_ = w.Close()
	return out.Bytes()
}

// address is where an asset is served, by its file's name.
func (a assets) address(name string) string {
	address, ok := a.addresses[name]
	if !ok {
		panic("there is no asset " + name)
	}
	return address
}

func (a assets) serve(w http.ResponseWriter, r *http.Request) {
	file, ok := a.files[r.PathValue("name")]
	if !ok {
		http.NotFound(w, r)
		return
	}
	h := w.Header()
	h.Set("Content-Type", file.kind)
	h.Set("Cache-Control", "public, max-age=31536000, immutable")
	h.Set("Vary", "Accept-Encoding")
	text := file.plain
	if strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
		h.Set("Content-Encoding", "gzip")
		text = file.packed()
	}
	_, _ = w.Write(text)
}
