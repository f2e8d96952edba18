// Files below /dev/shm, as Node.js makes, asks for and removes them.
const fs = require("fs");
const dir = "/dev/shm/";
fs.writeFileSync(dir + "one", "from Node.js");
console.log(fs.statSync(dir + "one").size, fs.lstatSync(dir + "one").isFile(), fs.existsSync(dir + "two"));
fs.copyFileSync(dir + "one", dir + "two");
fs.cpSync(dir + "one", dir + "three");
fs.renameSync(dir + "two", dir + "four");
console.log(fs.realpathSync(dir + "four"), fs.readFileSync(dir + "four", "utf8"));
console.log(fs.readdirSync(dir).sort().join(" "));
fs.rmSync(dir + "one");
fs.unlinkSync(dir + "three");
fs.rmSync(dir + "four");
console.log(fs.readdirSync(dir).length);
