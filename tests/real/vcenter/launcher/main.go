// The launcher of the tests' vCenter: govmomi's simulator with the rules that the stock one lacks.
//
// It reads an inventory, serves the vSphere API over TLS, prints its port, and ends when its
// standard input is closed, which is also what happens when its parent is killed.
package main

import (
	"crypto/tls"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"io/ioutil"
	"log"
	"net"
	"net/http"
	"net/url"
	"os"

	"github.com/vmware/govmomi/simulator"
)

func main() {
	listen := flag.String("listen", "127.0.0.1:0", "address and port")
	certificate := flag.String("certificate", "", "PEM file")
	key := flag.String("key", "", "PEM file")
	inventoryFile := flag.String("inventory", "", "JSON file; see inventory.go")
	folder := flag.String("folder", "", "where the datastores' folders are made")
	verbose := flag.Bool("verbose", false, "let the simulator log")
	flag.Parse()
	if !*verbose {
		log.SetOutput(ioutil.Discard)
	}
	if err := serve(*listen, *certificate, *key, *inventoryFile, *folder); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func serve(listen, certificate, key, inventoryFile, folder string) error {
	text, err := ioutil.ReadFile(inventoryFile)
	if err != nil {
		return err
	}
	var wanted inventory
	if err := json.Unmarshal(text, &wanted); err != nil {
		return fmt.Errorf("%s: %v", inventoryFile, err)
	}
	model := simulator.VPX()
	model.Datacenter, model.Portgroup, model.Host, model.Cluster = 0, 0, 0, 0
	model.ClusterHost, model.Datastore, model.Machine = 0, 0, 0
	if err := model.Create(); err != nil {
		return err
	}
	model.Service.Listen = &url.URL{}
	world, err := build(model, wanted, folder)
	if err != nil {
		return err
	}
	model.Service.RegisterSDK(simulator.Map)
	mux := model.Service.ServeMux
	mux.HandleFunc("/sdk/vimServiceVersions.xml", model.Service.ServiceVersions)
	listener, err := net.Listen("tcp", listen)
	if err != nil {
		return err
	}
	go func() {
		_, _ = io.Copy(ioutil.Discard, os.Stdin)
		os.Exit(0)
	}()
	fmt.Printf("%d\n", listener.Addr().(*net.TCPAddr).Port)
	outer := http.NewServeMux()
	outer.HandleFunc("/control/", world.control)
	outer.Handle("/", &door{inside: mux, world: world, users: wanted.Users})
	// Without HTTP/2, whose connections cannot be hung up one by one; pyVmomi speaks 1.1.
	server := &http.Server{Handler: outer, TLSNextProto: map[string]func(*http.Server, *tls.Conn, http.Handler){}}
	return server.ServeTLS(listener, certificate, key)
}
