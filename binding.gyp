# The door for node-gyp, npm rebuild and electron-rebuild: hands over to the one CMake build, see scripts/build-native.mjs.
{
  "targets": [
    {
      "target_name": "incache_node",
      "type": "none",
      "actions": [
        {
          "action_name": "cmake",
          "inputs": ["CMakeLists.txt"],
          "outputs": ["build/native/Release/incache.node"],
          "action": ["node", "scripts/build-native.mjs", "--require"]
        }
      ]
    }
  ]
}
